import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { certifyTask } from '../../src/cli/certify.ts';
import { createRng } from '../../src/core/base/rng.ts';
import type { TrainSettings } from '../../src/shared/settings.ts';
import { everyFamilyAndTask, smallFile } from '../support/everyFamily.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

/** Problems do not name files outside their folder, and nothing is written. */
export const related = { allowPaths: false, outputs: [] };

/** Names and contents of the files of a folder. */
export function stateOf(folder: string): string {
  const hashOf = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(path.join(folder, name)))
      .digest('hex');
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => `${name} ${hashOf(name)}`)
    .sort()
    .join('\n');
}

/** Writes whole files of every kind that is read into a folder: problems, networks and a proof, and runs of every family with their data. */
export async function writeWholeFiles(folder: string): Promise<{ readonly runs: readonly string[] }> {
  const named = (name: string): string => path.join(folder, name);
  const write = (name: string, value: unknown): void =>
    writeFileSync(named(name), typeof value === 'string' ? value : JSON.stringify(value));
  const rng = createRng(5);
  const X = Array.from({ length: 10 }, () => [rng.normal(), rng.normal()]);
  const y = X.map(([a, b]) => Math.abs(a) - 0.5 * b);
  const problem = { format: 'convexnet-problem/1', model: 'relu', loss: 'squared', beta: 0.5, X, y };
  write('relu.problem.json', problem);
  write('linear.problem.json', { ...problem, model: 'linear', depth: 2 });
  write('three.problem.json', { ...problem, model: 'three-layer', hidden: { m1: 1 }, arrangements: { kind: 'sampled', count: 6 } }); // prettier-ignore
  write('gated.problem.json', { ...problem, model: 'gated-relu', gates: [[1, 0], [0, 1], [1, -1]] }); // prettier-ignore
  write('relu.json', { W1: [[1, 0], [-1, 0.2]], b1: [0, 0], w2: [0.5, 0.7], b2: 0 }); // prettier-ignore
  write('linear.json', { inputs: 2, outputs: 1, depth: 2, chains: [{ layers: [[[1], [0.5]], [[0.3]]] }] });
  write('three.json', { inputs: 2, outputs: 1, m1: 1, branches: [{ W1: [[1], [2]], w2: [1], w3: 0.5, output: 0 }] });
  const files = { problem: named('relu.problem.json'), network: named('relu.json'), related };
  const { proof } = await certifyTask({ ...files, seconds: 2, solve: false, certificate: true, instance: false }, running); // prettier-ignore
  write('relu.proof.json', proof);
  write('data.csv', smallFile);
  const runs: string[] = [];
  for (const family of ['relu, two', 'gated, y', 'three-layer, y', 'linear, three']) {
    const settings: TrainSettings = { ...quickSettings, ...everyFamilyAndTask[family] };
    const run = await testSession(memorySource(smallFile)).train(settings, listen(), running);
    const name = `${runs.length}.convexrun.json`;
    write(name, { ...run, id: `run-${runs.length}` });
    runs.push(name);
  }
  return { runs };
}
