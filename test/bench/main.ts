// `npm run bench [-- section ...]`: prints speed figures, as ratios within one run. Not part of the tests.
import { benchBrowser } from './browserSection.ts';
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
import { cpuSeconds, printMachine, seconds } from './timing.ts';
import { benchTraining } from './trainingSection.ts';
import { benchWide } from './wideSection.ts';

const sections: Readonly<Record<string, { readonly title: string; readonly run: () => void | Promise<void> }>> = {
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
  descent: { title: 'ReLU network against Adam at the same width, and the path over beta', run: benchDescent },
  rows: { title: 'ReLU network on 100,000 and 1,000,000 rows, beside Adam on mini-batches', run: benchRows },
  folds: { title: 'Cross-validation: five paths beside one', run: benchFolds },
  adaptive: { title: 'ReLU over all arrangements', run: benchAdaptive },
  proof: { title: 'Bounds over all networks: cones, the conic relaxation, both', run: benchProof },
  quality: { title: 'Test scores at defaults beside the best simple model', run: benchQuality },
  training: { title: 'Samples at defaults from the start: first network, chosen one, everything', run: benchTraining },
  tabular: { title: "scikit-learn's models on the same rows", run: benchTabularPeers },
  depth: { title: 'Three layers: cost against tuples and rows', run: benchDepth },
  wide: { title: 'Wide networks: an epoch and a cell of the width study', run: benchWide },
  scale: { title: 'Large data', run: benchScale },
  study: { title: 'Studies: both engines, ten thousand tasks, kills', run: benchStudy },
  peers: { title: 'Against scnn (test/bench/peers/README.md)', run: benchPeers },
};

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.find((name) => !(name in sections));
  if (unknown !== undefined) {
    console.error(`There is no section "${unknown}"; there are ${Object.keys(sections).join(', ')}.`);
    process.exitCode = 2;
    return;
  }
  printMachine();
  const failed: string[] = [];
  for (const name of names.length > 0 ? names : Object.keys(sections)) {
    const { title, run } = sections[name];
    console.log(`\n== ${name}: ${title}\n`);
    const [cpu, wall] = [cpuSeconds(), performance.now()];
    try {
      await run();
    } catch (error) {
      // the other sections are still worth having
      console.error(error);
      console.log('This section ended with an error.');
      failed.push(name);
    }
    console.log(`(${seconds(cpuSeconds() - cpu)} of CPU, ${seconds((performance.now() - wall) / 1000)} in all)`);
  }
  const all = `${seconds(cpuSeconds())} of CPU in this process, ${seconds(performance.now() / 1000)} since the start`;
  console.log(`\nAll sections: ${all}${failed.length > 0 ? `; with an error: ${failed.join(', ')}` : ''}.`);
  if (failed.length > 0) process.exitCode = 1;
}

void main(process.argv.slice(2));
