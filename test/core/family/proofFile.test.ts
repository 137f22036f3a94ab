import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { solve } from '../../../src/core/engine/solve.ts';
import { checkProof, ProofError, writeProof } from '../../../src/core/family/proofFile.ts';
import type { Problem } from '../../../src/core/problem/problem.ts';
import { randomProblem } from '../engine/problems.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Solved and proven once for all tests that look at the same problem. */
const known = new Map<string, ReturnType<typeof make>>();
function made(...asked: Parameters<typeof make>): ReturnType<typeof make> {
  const key = JSON.stringify(asked);
  const result = known.get(key) ?? make(...asked);
  known.set(key, result);
  return result;
}

async function make(overrides: Partial<Problem>, size = { n: 18, d: 4, outputs: 1 }) {
  const problem = randomProblem(9, size, {
    model: 'relu',
    arrangements: { kind: 'adaptive', seed: 1 },
    beta: 2,
    ...overrides,
  });
  const { network } = solve(problem, { certifySeconds: 0 });
  const text = await writeProof(problem, network, { seconds: 3 }, sha256, uncontrolled);
  return { problem, network, text };
}

/** Every number of a JSON value as a way to change it. */
function* numbersIn(value: unknown): Generator<(change: (x: number) => number) => void> {
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? value.map((x, k) => [k, x])
    : Object.entries(value as object);
  for (const [key, inner] of entries) {
    if (typeof inner === 'number') {
      yield (change) => ((value as Record<string | number, unknown>)[key] = change(inner));
    } else if (typeof inner === 'object' && inner !== null) yield* numbersIn(inner);
  }
}

describe('proof files', () => {
  for (const loss of ['squared', 'logistic', 'softmax'] as const) {
    for (const bias of ['none', 'regularized', 'free'] as const) {
      it(`are accepted for ${loss} loss, bias ${bias}, and bound the objective`, async () => {
        const { problem, network, text } = await made(
          { loss, bias },
          { n: 12, d: 4, outputs: loss === 'softmax' ? 3 : 2 },
        );
        const check = checkProof(problem, network, text, sha256);
        assert.ok(check.lowerBound > 0 && check.lowerBound <= check.objective);
        assert.ok(check.constraint <= 1 && check.constraint > 0.9, `${check.constraint}`);
        assert.ok(check.slack >= 0 && check.slack < 1e-9, `${check.slack}`);
      });
    }
  }

  it('hold triangles of lines where those are what proves', async () => {
    const { text } = await made({ loss: 'logistic', bias: 'regularized' }, { n: 30, d: 5, outputs: 1 });
    const { parts } = JSON.parse(text) as { parts: { triangles: { weight: number[] } }[] };
    assert.ok(parts.some(({ triangles }) => triangles.weight.some((weight) => weight > 1e-4)));
  });

  it('are rejected when any number is off by a thousandth', async () => {
    const { problem, network, text } = await made({ loss: 'logistic' });
    const rng = createRng(3);
    const total = [...numbersIn(JSON.parse(text))].length;
    assert.ok(total > 300);
    for (let round = 0; round < 300; round++) {
      const proof: unknown = JSON.parse(text);
      const all = [...numbersIn(proof)];
      const at = round < 8 ? round : Math.floor(rng.uniform() * total);
      all[at]((x) => (x === 0 ? 1e-3 : x * (1 + 1e-3)));
      assert.throws(() => checkProof(problem, network, JSON.stringify(proof), sha256), ProofError, `number ${at}`);
    }
  });

  it('with a bound that the multipliers do not give are rejected though their checksum is right', async () => {
    const { problem, network, text } = await made({ loss: 'squared' });
    const honest = checkProof(problem, network, text, sha256);
    // the checksum of whatever is in the file: a forger computes it as well
    const forged = (change: (proof: Record<string, unknown>) => void): string => {
      const proof = JSON.parse(text) as Record<string, unknown>;
      change(proof);
      let found = '';
      const spy = (bytes: Uint8Array): string => (found = sha256(bytes));
      try {
        checkProof(problem, network, JSON.stringify(proof), spy);
      } catch (error) {
        assert.ok(error instanceof ProofError);
      }
      return JSON.stringify({ ...proof, sha256: found });
    };
    const bound = forged((proof) => (proof.lowerBound = honest.lowerBound * 1.001));
    assert.throws(() => checkProof(problem, network, bound, sha256), /less than the stated bound/);
    const top = forged((proof) => (proof.top = (proof.top as number) * 0.999));
    assert.throws(() => checkProof(problem, network, top, sha256), /the dual constraint is/);
    const factor = forged((proof) => (proof.factor = (proof.factor as number) * 1.001));
    assert.throws(() => checkProof(problem, network, factor, sha256), /more than 1/);
    const parts = forged((proof) => (proof.parts = (proof.parts as unknown[]).slice(1)));
    assert.throws(() => checkProof(problem, network, parts, sha256), /rejected/);
    // worse multipliers prove less, never more
    const spoilt = forged((proof) => {
      const [part] = proof.parts as { plus: number[] }[];
      part.plus = part.plus.map((x) => x + 1);
    });
    assert.throws(() => checkProof(problem, network, spoilt, sha256), ProofError);
  });

  it('that belong to something else, are cut off or of another version say so', async () => {
    const { problem, network, text } = await made({ loss: 'squared' });
    const refused = (p: Problem, net: typeof network, t: string, why: RegExp): void =>
      assert.throws(
        () => checkProof(p, net, t, sha256),
        (error: unknown) => error instanceof ProofError && why.test(error.message),
      );
    refused({ ...problem, beta: 2.1 }, network, text, /another problem: its beta is 2, here 2.1/);
    const X = { ...problem.X, data: problem.X.data.map((x, k) => (k === 5 ? x + 1e-9 : x)) };
    refused({ ...problem, X }, network, text, /another problem: its data/);
    refused(problem, { ...network, b1: network.b1.map((b) => b + 0.1) }, text, /another network|biases/);
    refused(problem, { ...network, W1: { ...network.W1, cols: 5 } }, text, /takes 5 inputs, not 4/);
    refused(problem, network, text.slice(0, 900), /cut off/);
    refused(problem, network, '{"format": "convexnet-network/1"}', /not a proof file/);
    refused(problem, network, text.replace('convexnet-proof/3', 'convexnet-proof/9'), /another version/);
    refused(problem, network, text.replace('"factor"', '"vector"'), /incomplete or damaged/);
  });

  it('do not exist where the relaxation does not apply', async () => {
    await assert.rejects(
      () => made({ loss: 'squared', outputPenalty: 'nuclear' }, { n: 12, d: 3, outputs: 2 }),
      /no proof file can be made: .*joins them/,
    );
  });
});
