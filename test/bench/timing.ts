export { median } from '../../src/core/base/median.ts';
import { createKernels } from '../../src/core/base/kernels/createKernels.ts';
import os from 'node:os';
import type { Control } from '../../src/core/base/control.ts';

/** CPU seconds of this process so far, all threads. Unlike wall time it hardly depends on what else the machine does. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1e-6;
}

export interface Measured<T> {
  readonly value: T;
  readonly cpu: number;
  readonly wall: number;
}

export function measured<T>(work: () => T): Measured<T> {
  const [cpu, wall] = [cpuSeconds(), performance.now()];
  const value = work();
  return { value, cpu: cpuSeconds() - cpu, wall: (performance.now() - wall) / 1000 };
}

/**
 * CPU seconds per run of several ways of doing the same thing, taken in turns so that a busy moment hits all of them: the fastest tenth
 * of the rounds. Ways that take longer than a second are run three times.
 */
export function compared(ways: Readonly<Record<string, () => void>>): Record<string, number> {
  const cases = Object.entries(ways).map(([name, run]) => {
    run();
    const once = measured(run).cpu;
    for (let k = 0; k < 3 && once < 0.02; k++) run();
    return { name, run, repeats: Math.max(1, Math.ceil(0.01 / Math.max(once, 1e-6))), slow: once > 1, times: [once] };
  });
  for (let round = 0; round < 12; round++) {
    for (const { run, repeats, slow, times } of cases) {
      if (slow && round >= 2) continue;
      const { cpu } = measured(() => {
        for (let k = 0; k < repeats; k++) run();
      });
      times.push(cpu / repeats);
    }
  }
  return Object.fromEntries(
    cases.map(({ name, times }) => [name, times.sort((x, y) => x - y)[Math.floor(times.length / 10)]]),
  );
}

/** Time as people read it. */
export function seconds(s: number): string {
  if (!Number.isFinite(s)) return '-';
  if (s < 1e-3) return `${(s * 1e6).toFixed(0)} us`;
  return s < 1 ? `${(s * 1e3).toFixed(s < 0.01 ? 2 : 0)} ms` : `${s.toFixed(s < 10 ? 2 : 1)} s`;
}

export function ratio(x: number): string {
  return Number.isFinite(x) ? `${x.toFixed(x < 10 ? 1 : 0)}x` : '-';
}

/** Says on stderr how far a long section is: tables come when they are whole. */
export function progress(what: string): void {
  process.stderr.write(`  ${what}: done (${seconds(performance.now() / 1000)} since the start)\n`);
}

/** Prints a table in Markdown, with aligned columns. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((cell, k) => Math.max(3, cell.length, ...rows.map((row) => row[k].length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, k) => cell.padEnd(widths[k])).join(' | ')} |`;
  console.log(line(head));
  console.log(line(widths.map((w) => '-'.repeat(w))));
  for (const row of rows) console.log(line(row));
}

/** Asking the system for the CPU time costs more than a look for a stop should: seconds between two of them. */
const cpuLookEvery = 0.02;

/** A control with a limit on the CPU time of this process, so that a busy machine does not end a comparison early. */
export function cpuLimit(limit: number): Control {
  const end = cpuSeconds() + limit;
  const now = (): number => performance.now() / 1000;
  let [looked, over] = [now(), false];
  const shouldStop = (): boolean => {
    if (!over && now() - looked > cpuLookEvery) {
      looked = now();
      over = cpuSeconds() > end;
    }
    return over;
  };
  return { shouldStop, now };
}

export function printMachine(): void {
  const cpus = os.cpus();
  const memory = (os.totalmem() / 2 ** 30).toFixed(0);
  console.log(`${cpus[0].model}, ${cpus.length} cores, ${memory} GiB; ${os.type()} ${os.release()} ${os.arch()}`);
  const load = os.loadavg().map((x) => x.toFixed(1));
  console.log(`Node ${process.version} (V8 ${process.versions.v8}); load average ${load.join(', ')}`);
  const kernels = createKernels();
  console.log(`Kernels: ${kernels.name}`);
  kernels.dispose();
  console.log('Times are CPU seconds, one thread, unless it says otherwise: trust the ratios.');
}
