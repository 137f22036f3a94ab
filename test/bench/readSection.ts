import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { uncontrolled } from '../../src/core/base/control.ts';
import { readTable } from '../../src/core/data/reader.ts';
import { nodeFileSource } from '../../src/platform/node/nodeSession.ts';
import { previewFile } from '../../src/session/preview.ts';
import { writeRows } from './data.ts';
import { cpuSeconds, seconds, table } from './timing.ts';

const repeats = 3;

/** Least processor time (which includes the threads that collect garbage) and least wall time of some runs. */
async function least(work: () => Promise<unknown>): Promise<{ readonly cpu: number; readonly wall: number }> {
  let [cpu, wall] = [Infinity, Infinity];
  for (let k = 0; k < repeats; k++) {
    const [c, w] = [cpuSeconds(), performance.now() / 1000];
    await work();
    cpu = Math.min(cpu, cpuSeconds() - c);
    wall = Math.min(wall, performance.now() / 1000 - w);
  }
  return { cpu, wall };
}

/** A file of 100 MB and seven columns: the whole of it, and the first look of Data Preview. */
export async function benchRead(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-'));
  try {
    const file = path.join(folder, 'large.csv');
    await writeRows(file, 6, (_, bytes) => bytes >= 100e6);
    const megabytes = statSync(file).size / 1e6;
    const source = await nodeFileSource(file);
    const whole = await least(() => readTable(source, {}, uncontrolled));
    let first = Infinity;
    for (let k = 0; k < repeats; k++) {
      const begun = performance.now() / 1000;
      const seen = (): void => void (first = Math.min(first, performance.now() / 1000 - begun));
      let shown = false;
      const control = { ...uncontrolled, shouldStop: () => shown };
      await previewFile(source, {}, () => (seen(), (shown = true)), control).catch(() => undefined);
    }
    const speed = (time: number): string => `${(megabytes / time).toFixed(1)} MB/s`;
    table(
      ['', 'least time', 'speed'],
      [
        ['whole file, processor time', seconds(whole.cpu), speed(whole.cpu)],
        ['whole file, in all', seconds(whole.wall), speed(whole.wall)],
        ['first look of Data Preview', seconds(first), ''],
      ],
    );
    console.log(`${megabytes.toFixed(0)} MB, 7 columns of numbers, one thread; to reach: 50 MB/s, a first look within 1 s.\n`); // prettier-ignore
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
