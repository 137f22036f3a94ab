import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { tools } from '../../src/assistant/tools.ts';
import { commandIds, previewType, runEditorType } from '../../src/shared/manifest.ts';
import { startExtension } from '../support/fakeEditor.ts';
import { hostileText, tableText } from './inputs.ts';
import { damaged, type Figures, mutated, pick, Tally } from './tally.ts';
import { stateOf, writeWholeFiles } from './wholeFiles.ts';

const root = path.resolve(import.meta.dirname, '../..');
const answersWithinMs = 20_000;

/**
 * Damaged run files to the editor of run files and to the import, damaged tables to the data preview, and calls of the tools of language models, to the
 * extension itself with its worker: a page that shows the run or says why not, an answer or one line, the folder as it was.
 */
export async function hostFiles(count: number, seed: number): Promise<Figures> {
  const program = path.join(root, 'dist/extension.js');
  if (!existsSync(program)) throw new Error(`${program} is not there: run "npm run build" first`);
  const top = mkdtempSync(path.join(tmpdir(), 'convexnet-host-'));
  const folder = path.join(top, 'work');
  mkdirSync(folder);
  const named = (name: string): string => path.join(folder, name);
  const { runs } = await writeWholeFiles(folder);
  const editor = await startExtension({
    program,
    folder,
    storage: path.join(top, 'storage'),
    settings: { certifySeconds: 0.1, timeLimitSeconds: 1, 'path.points': 0, 'compare.enabled': false },
  });
  const loose: unknown[] = [];
  const heard = (error: unknown): void => void loose.push(error);
  process.on('unhandledRejection', heard);
  const bad = named('bad.convexrun.json');
  const shown = async <T>(what: string, look: () => T | undefined): Promise<T> => {
    const until = performance.now() + answersWithinMs;
    while (performance.now() < until) {
      const found = look();
      if (found !== undefined) return found;
      await wait(5);
    }
    throw new Error(`${what}: nothing was shown`);
  };
  const oneLine = (text: string): void => {
    if (text === '' || text.length > 2000 || /[\n\r]/.test(text)) throw new Error(`shown: ${text.slice(0, 300)}`);
  };
  const inputs: readonly (readonly [string, Record<string, unknown>])[] = [
    [tools.inspect.name, { file: 'data.csv' }],
    [tools.verdict.name, { run: 'run-0' }],
    [tools.compare.name, { runs: ['run-1', 'run-2'] }],
    [tools.predict.name, { run: 'run-0', file: 'data.csv' }],
  ];
  const kinds = {
    open: async (rng) => {
      const page = await editor.openWith(runEditorType, bad);
      page.send({ type: 'ready' });
      interface Snapshot {
        readonly type?: string;
        readonly state?: string;
        readonly error?: { readonly message: string };
      }
      const { state, error } = await shown('the editor', () =>
        (page.posted as Snapshot[]).find(({ type, state }) => type === 'snapshot' && state !== 'training'),
      );
      if (state === 'failed') oneLine(error!.message);
      else if (rng.uniform() < 0.5) page.send({ type: 'export', what: pick(rng, ['onnx', 'predictions', 'report']) });
      page.close();
    },
    import: async () => void (await editor.execute(commandIds.importRun, editor.uri(bad))),
    preview: async (rng) => {
      const table = named('bad.csv');
      writeFileSync(table, rng.uniform() < 0.5 ? tableText(rng) : mutated(rng, readFileSync(named('data.csv'))));
      await editor.execute(commandIds.previewData, editor.uri(table));
      const page = editor.pages.at(-1)!;
      if (page.type !== previewType) throw new Error(`a page of ${page.type} was opened`);
      page.send({ type: 'ready' });
      interface Preview {
        readonly type?: string;
        readonly reading?: number | null;
        readonly error?: { readonly message: string } | null;
      }
      const { error } = await shown('the preview', () =>
        (page.posted as Preview[]).find(({ type, reading }) => type === 'preview' && reading === null),
      );
      if (error) oneLine(error.message);
      page.close();
      rmSync(table);
    },
    tool: async (rng) => {
      const [name, input] = pick(rng, inputs);
      const files = [
        '/etc/passwd',
        '../../etc/hosts',
        `${folder}/../../etc/hosts`,
        bad,
        '.',
        '',
        'a\0b',
        '\u202e',
        'no.csv',
      ];
      const given = rng.uniform() < 0.4 ? { ...input, [pick(rng, Object.keys(input))]: pick(rng, files) } : rng.uniform() < 0.3 ? input : damaged(rng, input); // prettier-ignore
      try {
        const answer = await editor.tool(name, given);
        if (/root:|localhost/.test(answer)) throw new RangeError('it read a file outside its folder');
      } catch (error) {
        // what the editor hands to the language model
        if (error instanceof RangeError || error instanceof TypeError) throw error;
        oneLine((error as Error).message);
      }
    },
  } satisfies Readonly<Record<string, (rng: Parameters<typeof tableText>[0]) => Promise<void>>>;
  const names = Object.keys(kinds) as (keyof typeof kinds)[];
  const tally = new Tally('files and calls to the editor', count, { milliseconds: 10_000 });
  try {
    for (const run of runs.slice(0, 3)) await editor.execute(commandIds.importRun, editor.uri(named(run)));
    return await tally.each(seed, async (rng, index) => {
      editor.said.length = 0;
      writeFileSync(bad, hostileText(rng, JSON.parse(readFileSync(named(pick(rng, runs)), 'utf8'))));
      const before = stateOf(folder);
      try {
        await kinds[names[index % names.length]](rng);
      } catch (error) {
        // commands hand their refusals on to the editor, which shows them
        if (names[index % names.length] !== 'import') throw error;
        oneLine((error as Error).message);
      }
      if (loose.length > 0) throw loose.shift();
      const stack = editor.said.find((text) => !/^(trace|debug|info|warn|error): /.test(text) && text.includes('\n    at ')); // prettier-ignore
      const missing = editor.said.find((text) => text.includes('is not a part of the editor for tests'));
      if (stack !== undefined || missing !== undefined) throw new Error(`shown: ${stack ?? missing}`);
      if (stateOf(folder) !== before) throw new Error('a file was changed, made or removed');
    });
  } finally {
    process.off('unhandledRejection', heard);
    editor.close();
    await wait(100);
    rmSync(top, { recursive: true, force: true });
  }
}
