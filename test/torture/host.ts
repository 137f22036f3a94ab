import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createRng } from '../../src/core/base/rng.ts';
import { commandIds, labType, panelType } from '../../src/shared/manifest.ts';
import { type FakePage, startExtension } from '../support/fakeEditor.ts';
import { damaged, type Figures, pick, Tally } from './tally.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Messages of the two kinds of page, as they are when nothing is wrong with them. */
const lab = { standardize: true, testFraction: 0.2, seed: 1, maxRows: 100 };
const messages: readonly (readonly [string, unknown])[] = [
  [panelType, { type: 'ready' }],
  [panelType, { type: 'stop' }],
  [panelType, { type: 'setBeta', beta: 0.5, final: true }],
  [panelType, { type: 'setBeta', beta: 2, final: false }],
  [panelType, { type: 'setModel', model: 'linear', depth: 3 }],
  [panelType, { type: 'setModel', model: 'three-layer', m1: 2 }],
  [panelType, { type: 'openRun', id: 'abc' }],
  [panelType, { type: 'trainAgain' }],
  [panelType, { type: 'complete' }],
  [panelType, { type: 'remedy', remedy: 'smaller-beta' }],
  [panelType, { type: 'revealRow', index: 3 }],
  [panelType, { type: 'requestRows', requestId: 1, indices: [1, 2, 159] }],
  [panelType, { type: 'export', what: 'onnx' }],
  [panelType, { type: 'export', what: 'problem' }],
  [panelType, { type: 'saveFile', name: 'a.svg', content: '<svg/>', encoding: 'utf8' }],
  [panelType, { type: 'openLab' }],
  [panelType, { type: 'openSettings' }],
  [panelType, { type: 'showLog' }],
  [panelType, { type: 'openError' }],
  [labType, { type: 'ready' }],
  [labType, { type: 'stop' }],
  [labType, { type: 'run', request: { page: 'geometry', settings: lab } }],
  [labType, { type: 'revealLine', line: 4 }],
  [labType, { type: 'exportRecord', page: 'flow' }],
  [labType, { type: 'saveFile', name: 'a.csv', content: 'a,b', encoding: 'utf8' }],
  [labType, { type: 'openResults' }],
];
const junk: readonly unknown[] = [null, undefined, 7, NaN, 'x', [], {}, { type: 'toString' }, { type: ['stop'] }, 5n, () => 1, new Map()]; // prettier-ignore

/** Tasks that a group of messages starts are stopped and waited for, so that each group finds the host at rest. */
const group = 1000;
const restWithinMs = 20_000;

const trainingOf = ({ posted }: FakePage): string | undefined =>
  (posted.filter(({ type }) => type === 'snapshot').at(-1) as { state?: string } | undefined)?.state;

/**
 * What pages may send, to the handlers of the extension itself with its worker: nothing that is thrown passes them, the host comes to rest and still
 * answers, the data file is as it was, and nothing is written but where the person saved.
 */
export async function hostMessages(count: number, seed: number): Promise<Figures> {
  const program = path.join(root, 'dist/extension.js');
  if (!existsSync(program)) throw new Error(`${program} is not there: run "npm run build" first`);
  const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-host-'));
  const [data, saved] = [path.join(folder, 'data.csv'), path.join(folder, 'saved')];
  mkdirSync(saved);
  copyFileSync(path.join(root, 'media/samples/xor_2d.csv'), data);
  const before = readFileSync(data);
  const answers = createRng(seed).fork('answers');
  const editor = await startExtension({
    program,
    storage: path.join(folder, 'storage'),
    settings: { certifySeconds: 0.2, timeLimitSeconds: 1, 'path.points': 2, 'compare.enabled': false },
    saveAs: () => (answers.uniform() < 0.5 ? undefined : path.join(saved, 'file')),
  });
  const loose: unknown[] = [];
  const heard = (error: unknown): void => void loose.push(error);
  process.on('unhandledRejection', heard);
  const tally = new Tally('messages to the handlers', count, { milliseconds: 60_000 });
  try {
    const settings = { target: 'target', gates: 10, model: 'gated-relu' };
    await editor.execute(commandIds.train, { uri: String(editor.uri(data)), settings });
    await editor.execute(commandIds.openLab, editor.uri(data));
    const pageOf = (type: string): FakePage => editor.pages.find((page) => page.type === type)!;
    const atRest = async (): Promise<void> => {
      const panel = pageOf(panelType);
      for (const { posted } of editor.pages) posted.length = 0;
      panel.send({ type: 'stop' });
      pageOf(labType).send({ type: 'stop' });
      const until = performance.now() + restWithinMs;
      while (performance.now() < until) {
        panel.send({ type: 'ready' });
        await wait(20);
        const state = trainingOf(panel);
        if (state !== undefined && state !== 'training') return;
      }
      throw new Error('the host did not come to rest after a stop');
    };
    return await tally.each(seed, async (rng, index) => {
      const [type, whole] = pick(rng, messages);
      const message = rng.uniform() < 0.05 ? pick(rng, junk) : rng.uniform() < 0.3 ? whole : damaged(rng, whole);
      pageOf(type).send(message);
      if (index % group === group - 1 || index === count - 1) await atRest();
      if (loose.length > 0) throw loose.shift();
      const stack = editor.said.find((text) => !/^(trace|debug|info|warn|error): /.test(text) && text.includes('\n    at ')); // prettier-ignore
      const missing = editor.said.find((text) => text.includes('is not a part of the editor for tests'));
      editor.said.length = 0;
      if (stack !== undefined || missing !== undefined) throw new Error(`shown: ${stack ?? missing}`);
      if (!readFileSync(data).equals(before)) throw new Error('the data file was changed');
    });
  } finally {
    process.off('unhandledRejection', heard);
    editor.close();
    await wait(100);
    rmSync(folder, { recursive: true, force: true });
  }
}
