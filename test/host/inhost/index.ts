import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';
import * as vscode from 'vscode';
import type { InHostResults } from './results.ts';

/** What the tests measured; printed by whoever started them. */
export const figures: Record<string, string> = {};

/** The entry that an extension host loads (the contract of `extensionTestsPath`): runs mocha there. */
export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: 'bdd', timeout: 120_000, reporter: 'min' });
  mocha.suite.emit('pre-require', globalThis, '', mocha);
  await import('./activation.mocha.ts');
  await import('./training.mocha.ts');
  await import('./files.mocha.ts');
  await import('./runs.mocha.ts');
  await import('./runFile.mocha.ts');
  await import('./panel.mocha.ts');
  await import('./worker.mocha.ts');
  figures['VS Code'] = `${vscode.version}, Node ${process.versions.node}`;
  const results: InHostResults = { tests: [], figures };
  const failures = await new Promise<number>((resolve) => {
    mocha
      .run(resolve)
      .on('test end', (test) =>
        results.tests.push({
          title: test.fullTitle(),
          state: test.state ?? 'pending',
          milliseconds: test.duration ?? 0,
          error: test.err?.stack ?? test.err?.message,
        }),
      )
      .on('fail', (test, error: Error) => {
        // hooks fail without a test that ends
        if ((test as { type: string }).type === 'hook')
          results.tests.push({ title: test.fullTitle(), state: 'failed', milliseconds: 0, error: error.stack });
      });
  });
  const file = process.env.CONVEXNET_RESULTS;
  if (file) writeFileSync(file, JSON.stringify(results));
  else for (const { title, state, error } of results.tests) console.log(state, title, error ?? '');
  if (failures > 0) throw new Error(`${failures} tests failed`);
}
