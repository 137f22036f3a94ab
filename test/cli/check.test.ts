import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { toRows } from '../../src/core/base/linalg/matrix.ts';
import { randomProblem } from '../core/engine/problems.ts';
import { runProgram } from './program.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

const named = (name: string): string => path.join(folder, name);

test('a proof file of solve and one of certify are accepted; altered or for another problem they are not', async () => {
  const { X, y } = randomProblem(11, { n: 24, d: 4, outputs: 1 }, { model: 'relu' });
  const problem = {
    format: 'convexnet-problem/1',
    model: 'relu',
    loss: 'squared',
    beta: 1.5,
    X: toRows(X),
    y: Array.from(y.data),
  };
  writeFileSync(named('problem.json'), JSON.stringify(problem));
  writeFileSync(named('other.json'), JSON.stringify({ ...problem, beta: 1.4 }));
  const solved = await runProgram([
    'solve',
    named('problem.json'),
    '--out',
    named('net.json'),
    '--certificate',
    named('proof.json'),
  ]);
  assert.equal(solved.status, 0, solved.stderr);
  const accepted = await runProgram(['check', named('net.json'), named('problem.json'), named('proof.json')]);
  assert.equal(accepted.status, 0, accepted.stderr);
  assert.match(accepted.stdout, /^accepted: objective \d.*no network of the family is below \d/);
  assert.match(accepted.stdout, /slack of the bound/);

  const certified = await runProgram([
    'certify',
    named('problem.json'),
    named('net.json'),
    '--time-limit',
    '10',
    '--out',
    named('certificate.json'),
    '--certificate',
    named('proof2.json'),
  ]);
  assert.equal(certified.status, 0, certified.stderr);
  const again = await runProgram(['check', named('net.json'), named('problem.json'), named('proof2.json')]);
  assert.equal(again.status, 0, again.stderr);

  const proof = JSON.parse(readFileSync(named('proof.json'), 'utf8')) as { dual: number[] };
  proof.dual[3] *= 1.001;
  writeFileSync(named('altered.json'), JSON.stringify(proof));
  const altered = await runProgram(['check', named('net.json'), named('problem.json'), named('altered.json')]);
  assert.equal(altered.status, 2);
  assert.match(altered.stderr, /altered\.json: the proof file was altered/);
  const other = await runProgram(['check', named('net.json'), named('other.json'), named('proof.json')]);
  assert.equal(other.status, 2);
  assert.match(other.stderr, /for another problem: its beta is 1\.5, here 1\.4/);
});
