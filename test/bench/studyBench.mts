// The study section of the benchmark, a program of its own: it starts the command line and Slurm as the tests do.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { StudyFolder, tasksOfPlan } from '../../src/store/study/studyFolder.ts';
import { timeFigures } from '../../src/study/result.ts';
import { startProgram } from '../cli/program.ts';
import { tortured } from '../study/kills.ts';
import { startSlurm } from '../study/slurmNode.ts';
import { timelessTable, tinyStudy, writeStudy, writeTinyData } from '../study/support.ts';
import { seconds, table } from './timing.ts';

/** Tasks of the study on the local engine, and of the part of it that Slurm runs as well; STUDY_SEEDS chooses another size. */
const seeds = Number(process.env.STUDY_SEEDS ?? 20);
const samples = path.resolve('media/samples');

/** 2 data sets x 5 models x 5 betas x seeds: 1,000 tasks of 20 seeds. */
const study = (last: number): string => `format: convexnet-study/1
data:
  - file: ${path.join(samples, 'iris.csv')}
  - file: ${path.join(samples, 'spirals_2d.csv')}
settings: {certifySeconds: 0, arrangements: sampled, gates: 20, tolerance: 1.0e-4}
vary:
  kind:
    gated: {model: gated-relu}
    gated-small: {model: gated-relu, gates: 8}
    gated-none: {model: gated-relu, bias: none}
    linear: {model: linear}
    linear-deep: {model: linear, depth: 3}
  beta: [{relative: [0.8, 0.5, 0.3, 0.2, 0.1]}]
  seed: {from: 1, to: ${last}}
resources: {memoryMiB: 700, seconds: 60}
`;

interface Measured {
  readonly wall: number;
  /** Largest memory that the coordinator had, in MiB, as Linux says; NaN elsewhere. */
  readonly peakMiB: number;
  readonly stderr: string;
}

function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  } catch {
    return NaN;
  }
}

/** Runs the command line, to its end or until it is asked to stop after some seconds. */
async function timed(args: readonly string[], env: NodeJS.ProcessEnv, stopAfter?: number): Promise<Measured> {
  const begin = performance.now();
  const { child, done } = startProgram(args, env);
  let peak = NaN;
  const looking = setInterval(() => {
    const now = peakOf(child.pid!);
    // a program that is ending has no figure any more
    if (!Number.isNaN(now)) peak = now;
  }, 50);
  const stopping = stopAfter === undefined ? undefined : setTimeout(() => child.kill('SIGINT'), 1000 * stopAfter);
  const { status, stderr } = await done;
  clearInterval(looking);
  clearTimeout(stopping);
  if (status !== 0 && !(status === 3 && stopAfter !== undefined)) throw new Error(stderr);
  return { wall: (performance.now() - begin) / 1000, peakMiB: peak, stderr };
}

/** What the tasks of a folder took, and their figures without times, by key. */
async function tasksIn(folder: string): Promise<{ inTasks: number; processor: number; rows: Map<string, string> }> {
  const open = new StudyFolder(folder);
  const rows = new Map<string, string>();
  let [inTasks, processor] = [0, 0];
  for (const { task, result } of await open.rows(tasksOfPlan(open.plan()))) {
    if (result.outcome !== 'done') throw new Error(result.reason);
    inTasks += result.figures.taskSeconds ?? 0;
    processor += result.figures.processorSeconds ?? 0;
    const figures = Object.entries(result.figures).filter(
      ([name]) => !(timeFigures as readonly string[]).includes(name),
    );
    rows.set(task.key, JSON.stringify(figures));
  }
  return { inTasks, processor, rows };
}

async function benchEngines(folder: string): Promise<void> {
  const cores = availableParallelism();
  const [full, part] = ['full', 'part'].map((name) => path.join(folder, name));
  writeFileSync(`${full}.yaml`, study(seeds));
  writeFileSync(`${part}.yaml`, study(Math.max(1, Math.round(seeds / 10))));
  const here = await timed(['study', `${full}.yaml`, '--out', full, '--processes', `${cores}`], process.env);
  const local = await tasksIn(full);
  const line = (name: string, wall: number, { inTasks, processor, rows }: typeof local): string[] => [
    name,
    `${rows.size}`,
    seconds(wall),
    (rows.size / wall).toFixed(2),
    seconds(processor / rows.size),
    seconds((cores * wall - inTasks) / rows.size),
    `${((100 * inTasks) / (cores * wall)).toFixed(0)} %`,
  ];
  const lines = [line(`local, ${cores} processes`, here.wall, local)];
  let same = '';
  if (existsSync('/usr/bin/sbatch')) {
    const node = await startSlurm();
    try {
      const there = await timed(['study', `${part}.yaml`, '--out', part, '--engine', 'slurm'], node.env);
      const cluster = await tasksIn(part);
      lines.push(line('Slurm, one node', there.wall, cluster));
      const equal = [...cluster.rows].filter(([key, row]) => local.rows.get(key) === row).length;
      same = `The figures of ${equal} of ${cluster.rows.size} tasks on Slurm are those of the local engine to the last digit.`;
    } finally {
      await node.close();
    }
  } else same = 'Slurm is not installed here (Debian: slurm-wlm): its line is left out.';
  const heads = ['engine', 'tasks', 'wall', 'tasks / s', 'processor / task', 'overhead / task', 'in tasks'];
  table(heads, lines);
  console.log(
    `Overhead: time of a slot that is not spent in a task, starting the programs and the end of the study included. ${same}`,
  );
  console.log(`Coordinator of the local engine: ${here.peakMiB.toFixed(0)} MiB at most.\n`);
}

async function benchLarge(folder: string): Promise<void> {
  const [file, out] = [path.join(folder, 'large.yaml'), path.join(folder, 'large')];
  writeFileSync(file, study(200));
  const planned = await timed(['study', file, '--out', out, '--plan'], process.env);
  const running = await timed(['study', 'resume', out, '--processes', '1'], process.env, 6);
  const status = await timed(['study', 'status', out], process.env);
  console.log(`10,000 tasks: planned in ${seconds(planned.wall)}, status in ${seconds(status.wall)} (wall, the start of the program included); `
    + `coordinator at work ${running.peakMiB.toFixed(0)} MiB at most (to reach: 300 MiB).\n`); // prettier-ignore
}

async function benchKills(folder: string): Promise<void> {
  const wanted = Number(process.env.STUDY_KILLS ?? 200);
  writeTinyData(folder);
  const file = writeStudy(folder, tinyStudy(Math.max(4, wanted)), 'kills.yaml');
  const [calm, killed] = [path.join(folder, 'calm'), path.join(folder, 'killed')];
  await timed(['study', file, '--out', calm], process.env);
  const { kills, faults } = await tortured(file, killed, { kills: wanted, processes: availableParallelism(), seed: 1 });
  const same = (await timelessTable(calm)) === (await timelessTable(killed));
  for (const fault of faults) console.log(`fault: ${fault}`);
  console.log(
    `${kills} kills of processes and coordinators: ${faults.length} faults, the table ${same ? 'equals' : 'DIFFERS FROM'} the undisturbed one.\n`,
  );
  if (!same || faults.length > 0) throw new Error('something was lost');
}

const folder = mkdtempSync(path.join(tmpdir(), 'bench-'));
try {
  await benchEngines(folder);
  await benchLarge(folder);
  await benchKills(folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
