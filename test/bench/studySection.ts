import { spawnSync } from 'node:child_process';

/** Tasks per second and overhead per task of both engines, a large study, and kills. Needs `dist`, which `npm run bench` builds. */
export function benchStudy(): void {
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', 'test/bench/studyBench.mts'], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`the study benchmark ended with status ${status}`);
}
