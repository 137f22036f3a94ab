import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { StudyFolder, tasksOfPlan } from '../../src/store/study/studyFolder.ts';
import { timeFigures } from '../../src/study/result.ts';
import { csvOf, tableOf } from '../../src/study/table.ts';

export function scratch(): string {
  return mkdtempSync(path.join(tmpdir(), 'study-'));
}

/** Rows of y = |x1| + noise-free steps, so small that a task takes milliseconds. */
export function writeTinyData(folder: string, name = 'tiny.csv', shift = 0): string {
  const rows = Array.from({ length: 24 }, (_, k) => {
    const x = Math.sin(3 * k + shift);
    const z = Math.cos(5 * k);
    return `${x.toFixed(4)},${z.toFixed(4)},${(Math.abs(x) + 0.5 * z).toFixed(4)}`;
  });
  const file = path.join(folder, name);
  writeFileSync(file, `x,z,y\n${rows.join('\n')}\n`);
  return file;
}

/** A study of many tasks that take milliseconds each. */
export function tinyStudy(seeds: number, more = ''): string {
  return `format: convexnet-study/1
data:
  - file: tiny.csv
    targets: [y]
settings: {certifySeconds: 0, gates: 8, arrangements: sampled}
vary:
  model: [gated-relu, linear]
  beta: [{relative: [0.5, 0.1]}]
  seed: {from: 1, to: ${seeds}}
${more}`;
}

export function writeStudy(folder: string, text: string, name = 'study.yaml'): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** The table of a study folder without what differs between runs of the same task. */
export async function timelessTable(folder: string): Promise<string> {
  const study = new StudyFolder(folder);
  const plan = study.plan();
  const { columns, rows } = tableOf(plan.study, await study.rows(tasksOfPlan(plan)));
  const kept = columns.flatMap((name, k) => ((timeFigures as readonly string[]).includes(name) ? [] : [k]));
  return csvOf(
    { columns: kept.map((k) => columns[k]), rows: rows.map((row) => kept.map((k) => row[k])) },
    'neutralize',
  );
}

/** Process ids of the direct children of a process. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
