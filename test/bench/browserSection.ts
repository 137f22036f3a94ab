import { spawnSync } from 'node:child_process';
import { seconds, table } from './timing.ts';

interface Row {
  readonly model: string;
  readonly node: number;
  readonly web: number;
  readonly difference: number;
}

/** The worker of the editor in Node and in Chromium, where memory is not shared. Needs `dist`, which `npm run bench` builds. */
export function benchBrowser(): void {
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'test/bench/browserBench.mts'], {
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(`the worker did not run in the browser: ${stderr}`);
  const rows = JSON.parse(stdout.trim().split('\n').at(-1)!) as Row[];
  table(
    ['diabetes', 'Node', 'Chromium', 'times', 'objectives differ by'],
    rows.map(({ model, node, web, difference }) => [
      model,
      seconds(node),
      seconds(web),
      (web / node).toFixed(2),
      difference.toExponential(0),
    ]),
  );
  console.log('Seconds of the solve (wall, best of 5 in turns); to reach: 1e-9, and 2 times with one worker.\n');
}
