import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { commandIds, labType, previewType } from '../../src/shared/manifest.ts';
import { type FakeEditor, startExtension } from '../support/fakeEditor.ts';
import { root } from './harness/server.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-notices-'));
const at = (name: string): string => path.join(folder, name);
const table = (rows: number): string =>
  [
    'a,b,y',
    ...Array.from({ length: rows }, (_, i) => `${Math.sin(i)},${Math.cos(3 * i)},${i % 2 ? '=yes' : 'no'}`),
  ].join('\n');

describe('notifications, and text that is not saved', () => {
  let editor: FakeEditor;
  let asked: (readonly string[])[] = [];
  before(async () => {
    writeFileSync(at('data.csv'), table(40));
    writeFileSync(at('new.csv'), table(10).replaceAll(',', ';'));
    editor = await startExtension({
      program: path.join(root, 'dist/extension.js'),
      storage: at('storage'),
      settings: {
        certifySeconds: 0,
        timeLimitSeconds: 5,
        'path.points': 0,
        'compare.enabled': false,
        'dialect.comment': 'zz',
      },
      saveAs: () => at('saved.csv'),
      // its last line is a comment by the setting, a row of data otherwise
      unsaved: { [at('new.csv')]: `${table(7).replaceAll(',', ';')}\nzz;0;no\n` },
      pick: (labels) => {
        asked.push(labels);
        return labels.findIndex((label) => label.includes('as it stands'));
      },
    });
    const settings = { target: 'y', gates: 10, model: 'gated-relu', beta: { kind: 'relative', value: 0.1 } };
    await editor.execute(commandIds.train, { uri: String(editor.uri(at('data.csv'))), settings });
  });
  after(async () => {
    // pages first: their workers end with them
    for (const page of editor.pages) page.close();
    editor.close();
    await wait(100);
    rmSync(folder, { recursive: true, force: true });
  });
  /** What was said since, but for the log. */
  const notices = (): string[] => {
    const said = editor.said.filter((text) => !/^(trace|debug|info|warn|error): /.test(text));
    editor.said.length = 0;
    return said;
  };

  it('a training that worked and is in sight says nothing', () => assert.deepEqual(notices(), []));

  it('a saved file is told of once, with what is to be said of it', async () => {
    await editor.execute(commandIds.exportPredictions);
    const said = notices();
    assert.equal(said.length, 1, said.join('\n'));
    assert.match(said[0], /^Saved saved\.csv\. .*apostrophe/);
  });

  it('predict asks which text it should take, and tells once of gaps, contradictions and the file', async () => {
    asked = [];
    await editor.execute(commandIds.predictOnFile, editor.uri(at('new.csv')));
    assert.equal(asked.length, 1);
    assert.match(asked[0].join('; '), /Save, then predict; .*Predict on the text as it stands; /);
    assert.equal(readFileSync(at('saved.csv'), 'utf8').trim().split('\n').length, 8, 'the seven rows of the text');
    const said = notices();
    assert.equal(said.length, 1, said.join('\n'));
    assert.match(said[0], /^Saved saved\.csv\. The delimiter is a semicolon; the training data had a comma\./);
  });

  it('a preview asks in the same way, and looks at that text', async () => {
    asked = [];
    await editor.execute(commandIds.previewData, editor.uri(at('new.csv')));
    assert.match(asked[0].join('; '), /Look at the text as it stands/);
    const page = editor.pages.find(({ type }) => type === previewType)!;
    page.send({ type: 'ready' });
    const rows = (): unknown => (page.posted.at(-1) as { data?: unknown } | undefined)?.data;
    for (let k = 0; k < 200 && (rows() as { complete?: boolean } | null | undefined)?.complete !== true; k++)
      await wait(25);
    assert.equal((rows() as { rowsInFile: number }).rowsInFile, 7);
    assert.deepEqual(notices(), []);
  });

  it('the Lab asks in the same way, and shows the columns of that text', async () => {
    asked = [];
    await editor.execute(commandIds.openLab, editor.uri(at('new.csv')));
    assert.match(asked[0].join('; '), /Work with the text as it stands/);
    const page = editor.pages.find(({ type }) => type === labType)!;
    page.send({ type: 'ready' });
    const columns = (): readonly unknown[] =>
      (page.posted.at(-1) as { columns?: unknown[] } | undefined)?.columns ?? [];
    for (let k = 0; k < 200 && columns().length === 0; k++) await wait(25);
    assert.ok(columns().length > 0);
    // opened again, it is shown without a question
    asked = [];
    await editor.execute(commandIds.openLab, editor.uri(at('new.csv')));
    assert.deepEqual([asked, notices()], [[], []]);
  });

  it('a failure is told of once', async () => {
    await editor.execute(commandIds.train, { uri: String(editor.uri(at('gone.csv'))), settings: { target: 'y' } });
    const said = notices();
    assert.equal(said.length, 1, said.join('\n'));
    await editor.execute(commandIds.train, { uri: String(editor.uri(at('data.csv'))), settings: { target: 'z' } });
    assert.equal(notices().length, 1);
  });
});
