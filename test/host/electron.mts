// `npm run test:electron`: the tests inside the extension host in a desktop VS Code, where one can be downloaded.
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runTests } from '@vscode/test-electron';
import { bundleTests } from './harness/inhost.ts';
import { root } from './harness/server.ts';
import type { InHostResults } from './inhost/results.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-electron-'));
const results = path.join(folder, 'results.json');
let failed = false;
try {
  await runTests({
    extensionDevelopmentPath: root,
    extensionTestsPath: await bundleTests('newest'),
    extensionTestsEnv: { CONVEXNET_RESULTS: results },
    launchArgs: [path.join(root, 'media/samples'), '--disable-extensions', '--disable-workspace-trust'],
    version: process.env.CONVEXNET_VSCODE ?? 'stable',
  });
} catch (error) {
  failed = true;
  console.error(String(error));
}
try {
  const { tests, figures } = JSON.parse(readFileSync(results, 'utf8')) as InHostResults;
  for (const [name, value] of Object.entries(figures)) console.log(`  ${name}: ${value}`);
  for (const { state, title, error } of tests)
    console.log(`${state === 'passed' ? 'ok' : 'not ok'} ${title}`, error ?? '');
  const passed = tests.filter(({ state }) => state === 'passed').length;
  console.log(`${passed} passed, ${tests.length - passed} failed`);
} catch {
  console.error('There are no results: VS Code could not be downloaded or did not start.');
}
process.exit(failed ? 1 : 0);
