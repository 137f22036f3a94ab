import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { accountingStates, controllerStates } from '../../src/cli/study/slurmTools.ts';
import { runProgram, startProgram } from '../cli/program.ts';
import { type SlurmNode, startSlurm } from './slurmNode.ts';
import { pause } from './kills.ts';
import { scratch, timelessTable, tinyStudy, writeStudy, writeTinyData } from './support.ts';

describe('convexnet study, on Slurm', () => {
  let node: SlurmNode;
  let folder: string;

  before(async () => {
    node = await startSlurm();
    folder = scratch();
    writeTinyData(folder);
  });
  after(async () => {
    await node?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('gives what this machine alone gives, task by task', async () => {
    const file = writeStudy(folder, tinyStudy(4, 'resources: {memoryMiB: 400, seconds: 120}\n'));
    const [local, cluster] = [path.join(folder, 'local'), path.join(folder, 'cluster')];
    const here = await runProgram(['study', file, '--out', local, '--processes', '1']);
    assert.equal(here.status, 0, here.stderr);
    const there = await runProgram(['study', file, '--out', cluster, '--engine', 'slurm'], node.env);
    assert.equal(there.status, 0, there.stderr);
    assert.match(
      there.stderr,
      /16 tasks to do, as one Slurm job array of 8 elements, 64 at a time, 400 MiB and up to 120 s for a task/,
    );
    assert.equal(await timelessTable(cluster), await timelessTable(local));
    assert.deepEqual(
      readdirSync(path.join(cluster, 'slurm')).filter((name) => /^job-\d+\.json$/.test(name)),
      ['job-1.json'],
    );
  });

  it('submits again what came to no result, and nothing else', async () => {
    const out = path.join(folder, 'cluster');
    // a machine was lost: two tasks have no result
    const gone = readdirSync(path.join(out, 'results')).slice(0, 2);
    for (const name of gone) rmSync(path.join(out, 'results', name));
    const kept = readdirSync(path.join(out, 'results')).map((name) => [
      name,
      readFileSync(path.join(out, 'results', name), 'utf8'),
    ]);
    const { status, stderr } = await runProgram(
      ['study', path.join(folder, 'study.yaml'), '--out', out, '--engine', 'slurm', '--resume'],
      node.env,
    );
    assert.equal(status, 0, stderr);
    assert.match(stderr, /14 done before; 2 tasks to do/);
    for (const [name, content] of kept) assert.equal(readFileSync(path.join(out, 'results', name), 'utf8'), content);
    assert.equal(await timelessTable(out), await timelessTable(path.join(folder, 'local')));
  });

  it('a job goes on without the process that submitted it, is taken up by the next one, and is cancelled by a stop', async () => {
    const file = writeStudy(folder, tinyStudy(60), 'long.yaml');
    const out = path.join(folder, 'detached');
    const args = ['study', file, '--out', out, '--engine', 'slurm', '--memory', '400', '--chunk', '20'];
    const submitted = await runProgram([...args, '--detach'], node.env);
    assert.equal(submitted.status, 3, submitted.stderr);
    assert.match(submitted.stderr, /Job \d+ is submitted/);
    const watcher = startProgram([...args, '--resume'], node.env);
    while (!existsSync(path.join(out, 'results')) || readdirSync(path.join(out, 'results')).length < 3) await pause(50);
    const stop = await runProgram(['study', 'stop', out], node.env);
    assert.equal(stop.status, 0, stop.stderr);
    const { status, stderr } = await watcher.done;
    assert.equal(status, 3, stderr);
    assert.match(stderr, /works on it already/);
    assert.match(stderr, /it was stopped/);
    assert.deepEqual(
      readdirSync(path.join(out, 'slurm')).filter((name) => /^job-\d+\.json$/.test(name)),
      ['job-1.json'],
    );
  });

  it('reads what the accounting and the controller say of elements', () => {
    assert.deepEqual(
      accountingStates('12_0|COMPLETED\n12_1|OUT_OF_MEMORY\n12_10|CANCELLED by 0\n12_[11-20]|PENDING\n'),
      [
        { element: 0, state: 'COMPLETED' },
        { element: 1, state: 'OUT_OF_MEMORY' },
        { element: 10, state: 'CANCELLED' },
      ],
    );
    assert.deepEqual(
      controllerStates(
        'JobId=13 ArrayJobId=12 ArrayTaskId=0 JobName=x JobState=TIMEOUT Reason=None\nJobId=12 ArrayJobId=12 ArrayTaskId=1-3 JobState=PENDING',
      ),
      [{ element: 0, state: 'TIMEOUT' }],
    );
  });
});
