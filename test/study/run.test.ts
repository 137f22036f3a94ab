import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as v from 'valibot';
import { runOfJson } from '../../src/shared/runSchema.ts';
import { Claims } from '../../src/store/study/claims.ts';
import { StudyFolder, tasksOfPlan } from '../../src/store/study/studyFolder.ts';
import { resultSchema } from '../../src/study/result.ts';
import { program, runProgram, startProgram } from '../cli/program.ts';
import { pause, tortured } from './kills.ts';
import { scratch, timelessTable, tinyStudy, writeStudy, writeTinyData } from './support.ts';

describe('convexnet study, on this machine', () => {
  let folder: string;
  /** The table of the tiny study, undisturbed. */
  let undisturbed: string;

  before(async () => {
    folder = scratch();
    writeTinyData(folder);
    const file = writeStudy(
      folder,
      tinyStudy(
        6,
        'solvers: [convex, adam]\nskip: [{solver: adam, seed: {least: 2}}, {solver: adam, model: linear}]\n',
      ),
    );
    const { status, stderr } = await runProgram(['study', file, '--processes', '2']);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^26 tasks: 1 data set x model \(2\) x beta \(2\) x seed \(6\) x 2 solvers, less what/);
    assert.match(stderr, /26 of 26 tasks done/);
    undisturbed = await timelessTable(path.join(folder, 'study.study'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('leaves a row, a figure for everything and the record of every task', async () => {
    const study = new StudyFolder(path.join(folder, 'study.study'));
    const tasks = tasksOfPlan(study.plan());
    const rows = await study.rows(tasks);
    assert.equal(rows.length, 26);
    assert.deepEqual(study.listed(), tasks.map(({ key }) => ({ key })), 'the keys that were written with the plan'); // prettier-ignore
    for (const { task, result } of rows) {
      assert.ok(v.is(resultSchema, result));
      assert.equal(result.outcome, 'done');
      const read = runOfJson(JSON.parse(readFileSync(study.runFile(task.key), 'utf8')));
      assert.ok('run' in read, JSON.stringify(read));
      const { figures } = result;
      assert.equal(figures.beta, read.run.resolved.beta);
      if (task.cells.solver === 'adam') {
        assert.equal(figures.objective, read.run.compare?.runs[0].merged);
        assert.ok((figures.objective ?? NaN) >= read.run.solution.dualBound - 1e-9, 'descent is not below the bound');
      } else assert.equal(figures.objective, read.run.solution.objective);
    }
    const csv = readFileSync(study.at('table.csv'), 'utf8').trim().split('\n');
    assert.equal(csv.length, 27);
    assert.deepEqual(csv[0].split(',').slice(0, 8), [
      'task',
      'data',
      'target',
      'solver',
      'model',
      'beta.kind',
      'beta.value',
      'seed',
    ]);
    // 2 models x 2 betas by the convex program, and 2 betas by gradient descent
    assert.equal(readFileSync(study.at('summary.csv'), 'utf8').trim().split('\n').length, 1 + 4 + 2);
  });

  it('refuses to begin again, repeats nothing on --resume, and does what a larger study asks for besides', async () => {
    const file = path.join(folder, 'study.yaml');
    const again = await runProgram(['study', file]);
    assert.equal(again.status, 2);
    assert.match(again.stderr, /holds a study already \(26 of the 26 tasks done\): --resume/);
    const study = new StudyFolder(path.join(folder, 'study.study'));
    const before = readdirSync(study.at('results')).map((name) => [
      name,
      readFileSync(study.at('results', name), 'utf8'),
    ]);
    const larger = writeStudy(folder, tinyStudy(7), 'larger.yaml');
    const { status, stderr } = await runProgram(['study', larger, '--resume', '--out', study.folder]);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /24 done before; 4 tasks to do/);
    for (const [name, content] of before) assert.equal(readFileSync(study.at('results', name), 'utf8'), content);
    const resumed = await runProgram(['study', file, '--resume']);
    assert.equal(resumed.status, 0, resumed.stderr);
    assert.equal(await timelessTable(study.folder), undisturbed);
  });

  it('makes a folder without running anything, and goes on from the folder alone', async () => {
    const file = writeStudy(folder, tinyStudy(1), 'planned.yaml');
    const out = path.join(folder, 'planned.study');
    const planned = await runProgram(['study', file, '--plan']);
    assert.equal(planned.status, 0, planned.stderr);
    assert.deepEqual([readdirSync(path.join(out, 'results')), existsSync(path.join(out, 'table.csv'))], [[], false]);
    const { status, stderr } = await runProgram(['study', 'resume', out, '--processes', '1']);
    assert.equal(status, 0, stderr);
    assert.equal(readdirSync(path.join(out, 'results')).length, 4);
  });

  it('two coordinators on one study do not work twice', async () => {
    const out = path.join(folder, 'shared');
    const file = writeStudy(folder, tinyStudy(12), 'shared.yaml');
    const first = startProgram(['study', file, '--out', out, '--processes', '1']);
    while (!existsSync(path.join(out, 'plan.json'))) await pause(20);
    // a result that takes its name is seen once; twice if the task was done twice
    const seen = new Map<string, number>();
    const watcher = watch(path.join(out, 'results'), (_, name) => {
      if (name?.endsWith('.json')) seen.set(name, 1 + (seen.get(name) ?? 0));
    });
    const second = await runProgram(['study', file, '--out', out, '--resume', '--processes', '1']);
    const { status } = await first.done;
    assert.deepEqual([status, second.status], [0, 0], second.stderr);
    watcher.close();
    const study = new StudyFolder(out);
    assert.equal((await study.rows(tasksOfPlan(study.plan()))).length, 48);
    assert.ok(seen.size > 40, `${seen.size}`);
    assert.deepEqual([...new Set(seen.values())], [1]);
    assert.deepEqual(readdirSync(study.at('claims')), []);
  });

  it('a claim holds against the living and passes on from the dead, to one only', async () => {
    const place = path.join(folder, 'claims');
    mkdirSync(place);
    const claims = new Claims(place);
    const mine = claims.take('a');
    assert.ok(mine);
    assert.equal(claims.take('a'), null);
    assert.deepEqual(claims.held(), ['a']);
    mine.release();
    assert.deepEqual(claims.held(), []);
    // a process that is gone
    const { child, done } = startProgram(['--help']);
    const { pid } = child;
    await done;
    writeFileSync(path.join(place, 'b.1'), JSON.stringify({ host: hostOf(place), pid, started: '1' }));
    assert.deepEqual(claims.held(), []);
    const taken = claims.take('b');
    assert.ok(taken);
    assert.deepEqual(readdirSync(place).sort(), ['b.1', 'b.2']);
    assert.equal(claims.take('b'), null);
    taken.release();
    assert.deepEqual(readdirSync(place), []);
    // another machine's, which gave a sign of life just now
    writeFileSync(path.join(place, 'c.1'), JSON.stringify({ host: 'elsewhere', pid: 1, started: '1' }));
    assert.equal(claims.take('c'), null);
  });

  it('kills of processes and coordinators lose nothing that was finished', async () => {
    const end = await tortured(path.join(folder, 'study.yaml'), path.join(folder, 'killed'), {
      kills: 8,
      processes: 2,
      seed: 11,
    });
    assert.deepEqual(end.faults, []);
    assert.equal(end.kills, 8);
    assert.equal(await timelessTable(path.join(folder, 'killed')), undisturbed);
  });

  it('a stop ends it soon, by a signal or through the folder', async () => {
    const file = writeStudy(folder, tinyStudy(40), 'long.yaml');
    const out = path.join(folder, 'stopped');
    const first = startProgram(['study', file, '--out', out, '--processes', '1']);
    while (!existsSync(path.join(out, 'results')) || readdirSync(path.join(out, 'results')).length === 0)
      await pause(20);
    first.child.kill('SIGINT');
    const ended = await first.done;
    assert.equal(ended.status, 3, ended.stderr);
    assert.match(ended.stderr, /Ended early: it was stopped. --resume goes on/);
    const second = startProgram(['study', file, '--out', out, '--resume', '--processes', '1']);
    const before = readdirSync(path.join(out, 'results')).length;
    while (readdirSync(path.join(out, 'results')).length === before) await pause(20);
    const status = await runProgram(['study', 'status', out, '--json']);
    const { tasks, done, running } = JSON.parse(status.stdout) as Record<string, number>;
    assert.ok(tasks === 160 && done > before - 1 && running <= 1, status.stdout);
    assert.equal((await runProgram(['study', 'stop', out])).status, 0);
    assert.equal((await second.done).status, 3);
  });

  it('a task that cannot be run is a row with its reason', async () => {
    const file = writeStudy(
      folder,
      `format: convexnet-study/1\ndata: [{file: tiny.csv, targets: [y, nothing]}]\nsettings: {model: linear, certifySeconds: 0}\n`,
      'refused.yaml',
    );
    const { status, stderr } = await runProgram(['study', file, '--processes', '1']);
    assert.equal(status, 0, stderr);
    const csv = readFileSync(path.join(folder, 'refused.study', 'table.csv'), 'utf8');
    assert.match(csv, /^2,tiny,nothing,convex,refused,.*nothing/m);
  });

  it('stops where results cannot be written, says why, and goes on when they can', async () => {
    const file = writeStudy(folder, tinyStudy(2), 'blocked.yaml');
    const out = path.join(folder, 'blocked.study');
    // no file may grow beyond some kilobytes, as on a full disk
    const limited = spawnSync(
      'sh',
      ['-c', 'ulimit -f 16 && exec "$0" "$@"', process.execPath, program, 'study', file],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(limited.status, 3, limited.stderr);
    assert.match(limited.stderr, /Ended early: results cannot be written to .*blocked\.study: /);
    assert.deepEqual(readdirSync(path.join(out, 'results')), []);
    const { status, stderr } = await runProgram(['study', file, '--resume', '--processes', '1']);
    assert.equal(status, 0, stderr);
    assert.equal(readdirSync(path.join(out, 'results')).length, 8);
    assert.deepEqual(
      readdirSync(path.join(out, 'runs')).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });

  it('says line and column of what is wrong in a study file, and runs nothing', async () => {
    const cases: readonly [string, RegExp][] = [
      ['format: convexnet-study/1\ndata: [{file: tiny.csv}]\nvary:\n  seed: [1, x]\n', /bad\.yaml:4:13: seed: /],
      ['format: convexnet-study/1\ndata: [{file: tiny.csv}]\nvaried: {}\n', /bad\.yaml:\d+:\d+: .*varied/],
      [
        'format: convexnet-study/1\ndata: [{file: none.csv}]\n',
        /bad\.yaml:2:15: cannot read .*none\.csv: there is no such file/,
      ],
      ['format: convexnet-study/1\ndata: [{file: tiny.csv}\n', /bad\.yaml:\d+:\d+: /],
      ['{"format": "convexnet-study/1"}', /bad\.yaml:1:1: data: is missing/],
      [
        'a: &a [1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c]',
        /alias/i,
      ],
    ];
    for (const [text, message] of cases) {
      const file = writeStudy(folder, text, 'bad.yaml');
      const { status, stderr } = await runProgram(['study', file]);
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
      assert.ok(!existsSync(path.join(folder, 'bad.study')));
    }
  });
});

/** The name that this machine has in claims. */
function hostOf(place: string): string {
  const claim = new Claims(place).take('host')!;
  const { host } = JSON.parse(readFileSync(path.join(place, 'host.1'), 'utf8')) as { host: string };
  claim.release();
  return host;
}
