// `npm run bench [-- section ...]`: prints speed figures, as ratios within one run. Not part of the tests.
import { spawnSync } from 'node:child_process';
import { benchBrowser } from './browserSection.ts';
import { allowRelaxedSimd } from '../../src/platform/node/relaxedSimd.ts';
import { benchDepth } from './depthSection.ts';
import { benchDescent } from './descentSection.ts';
import { benchFolds } from './foldsSection.ts';
import { benchGated, benchResolve } from './gatedSection.ts';
import { benchHost } from './hostSection.ts';
import { benchKernels } from './kernelSection.ts';
import { benchMemory } from './memorySection.ts';
import { benchPanel } from './panelSection.ts';
import { benchPeers } from './peerSection.ts';
import { benchProof } from './proofSection.ts';
import { benchQuality, benchTabularPeers } from './qualitySection.ts';
import { benchAdaptive, benchCones } from './reluSection.ts';
import { benchRead } from './readSection.ts';
import { benchRows } from './rowsSection.ts';
import { benchScale, benchThreads } from './scaleSection.ts';
import { benchStudy } from './studySection.ts';
import { benchStop } from './stopSection.ts';
import { cpuSeconds, printMachine, seconds, table } from './timing.ts';
import { benchTraining } from './trainingSection.ts';
import { benchWide } from './wideSection.ts';

interface Section {
  readonly title: string;
  readonly run: () => void | Promise<void>;
  /** Variables of the environment in a run of all sections, which is to end within an hour; those that are set already stay. */
  readonly whole?: Readonly<Record<string, string>>;
}

/** First argument of the process that runs one section of several; its name and what is set for it follow. */
const alone = '--alone';

const sections: Readonly<Record<string, Section>> = {
  kernels: { title: 'Kernels against their TypeScript twins and ml-matrix', run: benchKernels },
  threads: { title: 'Two threads against one', run: benchThreads },
  gated: { title: 'Gated ReLU: semismooth Newton against the first-order method', run: benchGated },
  resolve: { title: 'Change of beta by a factor of two', run: benchResolve },
  host: { title: 'The extension host: activation, change of beta, stop, a 100 MB file', run: benchHost },
  read: { title: 'Reading a file of 100 MB', run: benchRead },
  browser: { title: 'The worker in a browser beside the one in Node', run: benchBrowser },
  panel: { title: 'The panel with 10,000 rows and 100 neurons: opening, views, dragging', run: benchPanel },
  stop: { title: 'Looking for a stop, stage by stage', run: benchStop },
  memory: { title: 'Memory over 1,000 re-solves of each model', run: benchMemory },
  cones: { title: 'ReLU on sampled gates', run: benchCones },
  descent: {
    title: 'ReLU network against Adam at the same width, and the path over beta',
    run: benchDescent,
    whole: { THREADS: '2', CLOCK: 'wall', PATIENCE: '60' },
  },
  rows: { title: 'ReLU network on 100,000 and 1,000,000 rows, beside Adam on mini-batches', run: benchRows },
  folds: { title: 'Cross-validation: five paths beside one', run: benchFolds, whole: { FOLD_SECONDS: '20' } },
  adaptive: { title: 'ReLU over all arrangements', run: benchAdaptive },
  proof: {
    title: 'Bounds over all networks: cones, the conic relaxation, both',
    run: benchProof,
    whole: { PROOF_SECONDS: '10' },
  },
  quality: { title: 'Test scores at defaults beside the best simple model', run: benchQuality },
  training: { title: 'Samples at defaults from the start: first network, chosen one, everything', run: benchTraining },
  tabular: {
    title: "scikit-learn's models on the same rows",
    run: benchTabularPeers,
    whole: { TABULAR_SECONDS: '15' },
  },
  depth: { title: 'Three layers: cost against tuples and rows', run: benchDepth },
  wide: { title: 'Wide networks: an epoch and a cell of the width study', run: benchWide },
  scale: { title: 'Large data', run: benchScale, whole: { SCALE_SECONDS: '200' } },
  study: { title: 'Studies: both engines, ten thousand tasks, kills', run: benchStudy, whole: { STUDY_SEEDS: '5' } },
  peers: {
    title: 'Against scnn (test/bench/peers/README.md)',
    run: benchPeers,
    whole: { PEER_SECONDS: '4', PEER_TOTAL_SECONDS: '600' },
  },
};

/** A section alone, in this process; false when it ended with an error. */
async function runSection(name: string, setting = ''): Promise<boolean> {
  const { title, run } = sections[name];
  console.log(`\n== ${name}: ${title}${setting && ` (${setting})`}\n`);
  const [cpu, wall] = [cpuSeconds(), performance.now()];
  let ended = true;
  try {
    await run();
  } catch (error) {
    console.error(error);
    console.log('This section ended with an error.');
    ended = false;
  }
  const inAll = seconds((performance.now() - wall) / 1000);
  console.log(`(${seconds(cpuSeconds() - cpu)} of CPU in this process, ${inAll} in all)`);
  return ended;
}

/**
 * Sections one after another, each in a process of its own: none inherits the heap, the compiled code or the end of another, and one that ends with
 * an error, even for lack of memory, leaves the others as they are. Prints how each ended; false when one did not end well.
 */
function runApart(names: readonly string[], whole: boolean): boolean {
  const begin = performance.now();
  const failed: string[] = [];
  const rows = names.map((name) => {
    const shorter = Object.entries((whole ? sections[name].whole : undefined) ?? {});
    const env = { ...Object.fromEntries(shorter), ...process.env };
    const setting = shorter.map(([key]) => `${key}=${env[key]}`).join(' ');
    const wall = performance.now();
    const { status, signal } = spawnSync(process.execPath, [process.argv[1], alone, name, setting], {
      stdio: 'inherit',
      env,
    });
    if (status !== 0) failed.push(name);
    const time = seconds((performance.now() - wall) / 1000);
    return [name, time, status === 0 ? 'yes' : `no (${signal ?? `status ${status}`})`];
  });
  console.log('\n== All sections\n');
  table(['section', 'time', 'ended well'], rows);
  const inAll = seconds((performance.now() - begin) / 1000);
  console.log(`\n${names.length} sections in ${inAll}; ended with an error: ${failed.join(', ') || 'none'}.`);
  return failed.length === 0;
}

async function main(args: readonly string[]): Promise<void> {
  if (args[0] === alone) {
    if (!(await runSection(args[1], args[2]))) process.exitCode = 1;
    return;
  }
  const unknown = args.find((name) => !(name in sections));
  if (unknown !== undefined) {
    console.error(`There is no section "${unknown}"; there are ${Object.keys(sections).join(', ')}.`);
    process.exitCode = 2;
    return;
  }
  printMachine();
  const whole = args.length === 0;
  const ended = args.length === 1 ? await runSection(args[0]) : runApart(whole ? Object.keys(sections) : args, whole);
  if (!ended) process.exitCode = 1;
}

allowRelaxedSimd();
void main(process.argv.slice(2));
