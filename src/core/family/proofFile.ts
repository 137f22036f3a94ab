import * as v from 'valibot';
import { columnOf } from '../base/linalg/matrix.ts';
import { conicBound, type ConicBound, usablePoint, whyNotConic } from '../certify/conic/conicBound.ts';
import { type UnitLines, unitLines } from '../certify/conic/lines.ts';
import {
  lineLoads,
  type LineLoads,
  type MajorantMultipliers,
  proveMajorant,
  withBestBias,
} from '../certify/conic/majorant.ts';
import type { TriangleMultipliers } from '../certify/conic/triangleCones.ts';
import { dualBoundAt } from '../certify/dual/bound.ts';
import type { Control } from '../base/control.ts';
import { plainExcerpt } from '../data/plainText.ts';
import type { Kernels } from '../base/kernels/kernels.ts';
import { networkObjective } from '../network/evaluate.ts';
import { neuronsOfNetwork } from '../network/mapping.ts';
import type { TwoLayerNetwork } from '../network/network.ts';
import { relativeGap } from '../problem/gap.ts';
import { prepare, type PreparedProblem } from '../problem/prepare.ts';
import { biasOf, type Problem } from '../problem/problem.ts';

/** Relative difference of objectives that other arithmetic may make; at an optimum a change of weights shows in the square of its size only. */
const sameObjective = 1e-11;

/** What the multiplier of a free bias is above its best value, relative to beta: the bound is steep below that, and other arithmetic has another one. */
const biasMargin = 1e-9;

export const proofFormat = 'convexnet-proof/3';

/** SHA-256 of bytes as hexadecimal text; comes from outside because the core knows neither Node nor the DOM. */
export type Sha256 = (bytes: Uint8Array) => string;

/** There is no proof file, or it proves nothing: one sentence for the person. */
export class ProofError extends Error {
  override readonly name = 'ProofError';
}

const numbers = v.array(v.number());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** What a proof file holds; see docs/proof.md. Matrices are flat, row by row. */
const proofSchema = v.strictObject({
  format: v.literal(proofFormat),
  problem: v.strictObject({
    sha256: v.string(),
    rows: count,
    inputs: count,
    outputs: count,
    loss: v.string(),
    bias: v.string(),
    outputPenalty: v.string(),
    beta: v.number(),
  }),
  objective: v.number(),
  lowerBound: v.number(),
  /** The dual point, n x c, its factor, and the bound of its dual constraint: factor * top <= beta. */
  dual: numbers,
  factor: v.number(),
  top: v.number(),
  lines: v.strictObject({ first: v.array(count), row: v.array(v.number()), side: numbers }),
  parts: v.array(
    v.strictObject({
      output: count,
      sign: v.number(),
      w: numbers,
      size: numbers,
      plus: numbers,
      minus: numbers,
      inner: numbers,
      /** i, j for each lifted pair; six numbers of its lower triangle, and its turn. */
      pairs: numbers,
      root: numbers,
      turn: numbers,
      /** The line of each triangle, how many others it has, those with their factors one triangle after the other; its weight and the size of its remainder. */
      triangles: v.strictObject({
        line: numbers,
        count: v.array(count),
        others: numbers,
        factors: numbers,
        weight: numbers,
        size: numbers,
      }),
      bias: v.number(),
    }),
  ),
  sha256: v.string(),
});

type Proof = v.InferOutput<typeof proofSchema>;
type Part = Proof['parts'][number];

/** All numbers of a proof in the order of the schema, as little-endian doubles: what its checksum is of. */
function contentOf(proof: Omit<Proof, 'sha256'>): Uint8Array {
  const { problem, lines, parts } = proof;
  const pieces: (readonly number[])[] = [
    [problem.rows, problem.inputs, problem.outputs, problem.beta, proof.objective, proof.lowerBound],
    proof.dual,
    [proof.factor, proof.top],
    lines.first,
    lines.row,
    lines.side,
    ...parts.flatMap((p) => [
      [p.output, p.sign],
      p.w,
      p.size,
      p.plus,
      p.minus,
      p.inner,
      p.pairs,
      p.root,
      p.turn,
      p.triangles.line,
      p.triangles.count,
      p.triangles.others,
      p.triangles.factors,
      p.triangles.weight,
      p.triangles.size,
      [p.bias],
    ]),
  ];
  const text = `${problem.sha256}|${problem.loss}|${problem.bias}|${problem.outputPenalty}`;
  return bytesOf(pieces, text);
}

function bytesOf(pieces: readonly ArrayLike<number>[], text: string): Uint8Array {
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const tail = new TextEncoder().encode(text);
  const out = new Uint8Array(8 * total + tail.length);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const piece of pieces) for (let k = 0; k < piece.length; k++, at += 8) view.setFloat64(at, piece[k], true);
  out.set(tail, at);
  return out;
}

/** What the checksum of a problem is of: data, targets, weights of rows if there are some, beta and the choices that the objective depends on. */
function bytesOfProblem({ X, y, weights, beta, loss, delta, bias, outputPenalty, outputs }: Problem): Uint8Array {
  const numbers = [X.data, y.data, [X.rows, X.cols, outputs, beta], weights ?? [], delta === undefined ? [] : [delta]];
  return bytesOf(numbers, `${loss}|${bias}|${outputPenalty}`);
}

export interface ProofOptions {
  /** What a proof over all networks has left behind, when one ran; else the relaxation runs here. */
  readonly conic?: ConicBound;
  readonly seconds: number;
  readonly kernels?: Kernels;
}

/**
 * The text of a proof file for a two-layer ReLU network: a dual point and multipliers from which anyone can recompute the lower bound over all
 * networks of the family, without trust in the solver.
 * @throws {ProofError} when the relaxation does not apply to the problem, or was stopped before it had a bound
 */
export async function writeProof(
  problem: Problem,
  network: TwoLayerNetwork,
  options: ProofOptions,
  sha256: (bytes: Uint8Array) => string | Promise<string>,
  control: Control,
): Promise<string> {
  const { prepared, objective, bound } = conicPoint(problem, network, options, control);
  const lines = unitLines(prepared.X, prepared.penalizedCols);
  const parts = bound.parts.map(({ output, sign, multipliers: m }) => ({
    output,
    sign,
    w: short(m.w),
    size: short(m.size),
    plus: short(m.plus),
    minus: short(m.minus),
    inner: short(m.inner),
    pairs: m.lifted.pairs.flatMap(({ i, j }) => [i, j]),
    root: short(m.lifted.root),
    turn: short(m.lifted.turn),
    triangles: {
      line: m.triangles.triangles.map(({ line }) => line),
      count: m.triangles.triangles.map(({ others }) => others.length),
      others: m.triangles.triangles.flatMap(({ others }) => Array.from(others)),
      factors: m.triangles.triangles.flatMap(({ factors }) => short(factors)),
      weight: short(m.triangles.weight),
      size: short(m.triangles.size),
    },
    bias: m.bias,
  }));
  const dual = Array.from(bound.V);
  // for the digits that are kept: what the multiplier of a free bias is above the curvature along it may be less than the others
  for (const part of parts) {
    const { bias } = withBestBias(lines, loadsOf(lines, prepared.outputs, dual, part), multipliersOf(part));
    part.bias = bias + biasMargin * prepared.beta;
  }
  // what other arithmetic may differ by
  const top = proveParts(prepared, lines, dual, parts) * (1 + 1e-11);
  const { point } = dualBoundAt(prepared.datafit, bound.V, top / prepared.beta);
  const factor = factorBetween(bound.V, point);
  const value = prepared.datafit.dualBelow(bound.V.map((x) => factor * x));
  const { X, y, outputs, loss, bias, outputPenalty, beta } = problem;
  const proof: Omit<Proof, 'sha256'> = {
    format: proofFormat,
    problem: {
      sha256: await sha256(bytesOfProblem(problem)),
      rows: y.rows,
      inputs: X.cols,
      outputs,
      loss,
      bias,
      outputPenalty,
      beta,
    },
    objective,
    lowerBound: Math.min(objective, Math.max(0, value - 1e-12 * Math.abs(value))),
    dual,
    factor,
    top,
    lines: { first: Array.from(lines.first), row: Array.from(lines.line), side: Array.from(lines.side) },
    parts,
  };
  return `${JSON.stringify({ ...proof, sha256: await sha256(contentOf(proof)) })}\n`;
}

/**
 * The dual point of a proof over all two-layer ReLU networks, with the objective of the network as given.
 * @throws {ProofError} when the relaxation does not apply to the problem, or was stopped before it had a bound
 */
export function conicPoint(
  problem: Problem,
  network: TwoLayerNetwork,
  { conic, seconds, kernels }: ProofOptions,
  control: Control,
): { readonly prepared: PreparedProblem; readonly objective: number; readonly bound: ConicBound } {
  const prepared = prepare(problem);
  const reason = whyNotConic(prepared);
  if (reason !== undefined) throw new ProofError(`no proof file can be made: ${reason}`);
  const objective = objectiveOf(problem, prepared, network);
  const options = { seconds, objective, tolerance: 0.1 * problem.tolerance, kernels };
  const bound =
    conic ?? conicBound(prepared, { ...options, network: neuronsOfNetwork(network, problem.bias) }, control);
  if (bound === undefined) throw new ProofError('no proof file can be made: stopped before there was a bound');
  return { prepared, objective, bound };
}

/** Nine digits: whatever the multipliers are, the bound is recomputed from them. */
const short = (values: Float64Array): number[] =>
  Array.from(values, (value) => (Number.isFinite(value) ? Number(value.toPrecision(9)) : 0));

function factorBetween(V: Float64Array, point: Float64Array): number {
  let largest = 0;
  V.forEach((value, k) => {
    if (Math.abs(value) > Math.abs(V[largest])) largest = k;
  });
  return V[largest] === 0 ? 0 : point[largest] / V[largest];
}

function objectiveOf(problem: Problem, prepared: PreparedProblem, network: TwoLayerNetwork): number {
  const { W1, W2, b1, b2, gates } = network;
  const refuse = (why: string): never => {
    throw new ProofError(`the network is not of the family of the problem: ${why}`);
  };
  if (gates !== undefined) refuse('it is gated');
  if (W1.rows > 0 && W1.cols !== problem.X.cols) refuse(`it takes ${W1.cols} inputs, not ${problem.X.cols}`);
  if (b2.length !== problem.outputs || (W1.rows > 0 && W2.cols !== problem.outputs)) {
    refuse(`it has ${b2.length} outputs, not ${problem.outputs}`);
  }
  if (!biasOf(problem.bias).column && b1.some((b) => b !== 0)) refuse('its neurons have biases, the problem none');
  if (!biasOf(problem.bias).free && b2.some((b) => b !== 0))
    refuse('it has an output offset, which the problem has not');
  return networkObjective(network, problem.X, prepared.datafit, problem.beta, problem.outputPenalty, problem.bias);
}

/** Proven bound of the dual constraint at the point, over all outputs and signs; Infinity when one of them has no part. */
function proveParts(
  { outputs }: PreparedProblem,
  lines: UnitLines,
  dual: ArrayLike<number>,
  parts: readonly Part[],
): number {
  let top = 0;
  for (let output = 0; output < outputs; output++) {
    for (const sign of [1, -1]) {
      const part = parts.find((p) => p.output === output && p.sign === sign);
      if (part === undefined) return Infinity;
      top = Math.max(top, provePart(lines, outputs, dual, part));
    }
  }
  return top;
}

function provePart(lines: UnitLines, outputs: number, dual: ArrayLike<number>, part: Part): number {
  return proveMajorant(lines, loadsOf(lines, outputs, dual, part), multipliersOf(part));
}

/** What the lines carry in the sum of a part. */
function loadsOf(lines: UnitLines, outputs: number, dual: ArrayLike<number>, { output, sign }: Part): LineLoads {
  return lineLoads(
    lines,
    columnOf(dual, outputs, output).map((value) => sign * value),
  );
}

function trianglesOf({ line, count: counts, others, factors, weight, size }: Part['triangles']): TriangleMultipliers {
  let at = 0;
  const triangles = line.map((first, t) => {
    const from = at;
    at += counts[t];
    return {
      line: first,
      others: Int32Array.from(others.slice(from, at)),
      factors: Float64Array.from(factors.slice(from, at)),
    };
  });
  return { triangles, weight: Float64Array.from(weight), size: Float64Array.from(size) };
}

function multipliersOf(part: Part): MajorantMultipliers {
  const { w, size, plus, minus, inner, pairs, root, turn, triangles, bias } = part;
  const list = (values: readonly number[]): Float64Array => Float64Array.from(values);
  return {
    w: list(w),
    size: list(size),
    plus: list(plus),
    minus: list(minus),
    inner: list(inner),
    lifted: {
      pairs: turn.map((_, k) => ({ i: pairs[2 * k], j: pairs[2 * k + 1] })),
      root: list(root),
      turn: list(turn),
    },
    triangles: trianglesOf(triangles),
    bias,
  };
}

export interface ProofCheck {
  readonly objective: number;
  readonly lowerBound: number;
  readonly relativeGap: number;
  /** Recomputed dual constraint of the factored point over beta, at most 1. */
  readonly constraint: number;
  /** How much more than the stated bound the recomputed one is, relative to the objective. */
  readonly slack: number;
}

/**
 * Recomputes everything a proof file states from the problem and the network, and nothing from the solver.
 * @throws {ProofError} saying what does not fit
 */
export function checkProof(problem: Problem, network: TwoLayerNetwork, text: string, sha256: Sha256): ProofCheck {
  const proof = parseProof(text);
  const { sha256: stated, ...content } = proof;
  const prepared = prepare(problem);
  const { rows, inputs, outputs, loss, bias, outputPenalty, beta } = proof.problem;
  const mismatch = (
    [
      ['rows', rows, problem.y.rows],
      ['inputs', inputs, problem.X.cols],
      ['outputs', outputs, problem.outputs],
      ['loss', loss, problem.loss],
      ['bias', bias, problem.bias],
      ['output penalty', outputPenalty, problem.outputPenalty],
      ['beta', beta, problem.beta],
    ] as const
  ).find(([, there, here]) => there !== here);
  if (mismatch !== undefined) {
    const [what, there, here] = mismatch;
    throw new ProofError(
      `the proof is for another problem: its ${what} is ${plainExcerpt(String(there), 100)}, here ${here}`,
    );
  }
  if (proof.problem.sha256 !== sha256(bytesOfProblem(problem))) {
    throw new ProofError(
      'the proof is for another problem: its data, targets, weights of rows or threshold differ from those given',
    );
  }
  if (stated !== sha256(contentOf(content))) {
    throw new ProofError('the proof file was altered: its checksum does not go with its numbers');
  }
  const lines = unitLines(prepared.X, prepared.penalizedCols);
  checkShapes(proof, prepared, lines);
  const objective = objectiveOf(problem, prepared, network);
  if (Math.abs(objective - proof.objective) > sameObjective * Math.abs(proof.objective)) {
    throw new ProofError(
      `the proof is for another network: its objective is ${proof.objective}, that of the network given ${objective}`,
    );
  }
  const dual = Float64Array.from(proof.dual);
  const usable = usablePoint(prepared, dual);
  const reach = dual.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (usable.some((value, k) => Math.abs(value - dual[k]) > 1e-12 * reach)) {
    throw new ProofError('rejected: the dual point lies outside the domain of the conjugate loss');
  }
  const top = proveParts(prepared, lines, dual, proof.parts);
  if (!(top <= proof.top)) throw new ProofError(`rejected: the dual constraint is ${top}, not at most ${proof.top}`);
  const constraint = (proof.factor * proof.top) / beta;
  if (!(proof.factor >= 0 && constraint <= 1)) {
    throw new ProofError(`rejected: the factored dual point is ${constraint} times beta long, more than 1`);
  }
  const value = prepared.datafit.dualBelow(dual.map((x) => proof.factor * x));
  if (!(value >= proof.lowerBound) && proof.lowerBound > 0) {
    throw new ProofError(`rejected: the dual point proves ${value}, less than the stated bound ${proof.lowerBound}`);
  }
  const lowerBound = Math.min(objective, proof.lowerBound);
  return {
    objective,
    lowerBound,
    relativeGap: relativeGap(objective, lowerBound),
    constraint,
    slack: (value - proof.lowerBound) / Math.max(Math.abs(objective), Number.MIN_VALUE),
  };
}

function parseProof(text: string): Proof {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ProofError(`not a proof file, or cut off: ${(error as Error).message}`);
  }
  const format = (json as { format?: unknown } | null)?.format;
  if (typeof format !== 'string' || !format.startsWith('convexnet-proof/')) {
    throw new ProofError(`not a proof file: it does not say "format": "${proofFormat}"`);
  }
  if (format !== proofFormat) {
    throw new ProofError('the proof file is of another version than this program reads; make it anew');
  }
  const checked = v.safeParse(proofSchema, json, { abortEarly: true });
  if (checked.success) return checked.output;
  const [issue] = checked.issues;
  throw new ProofError(`the proof file is incomplete or damaged at ${v.getDotPath(issue) ?? 'its top'}`);
}

/** The lines are those of the data, and every list has the length that they ask for. */
function checkShapes({ dual, lines, parts }: Proof, prepared: PreparedProblem, own: UnitLines): void {
  const same = (a: ArrayLike<number>, b: ArrayLike<number>): boolean =>
    a.length === b.length && Array.from(a).every((value, k) => value === b[k]);
  if (!same(own.first, lines.first) || !same(own.line, lines.row) || !same(own.side, lines.side)) {
    throw new ProofError('rejected: the lines of the proof are not those of the data');
  }
  const L = own.unit.rows;
  const isLine = (i: number): boolean => Number.isInteger(i) && i >= 0 && i < L;
  const fits = parts.every(
    (p) =>
      p.w.length === L * own.penalized &&
      [p.size, p.plus, p.minus, p.inner].every((list) => list.length === L) &&
      p.pairs.length === 2 * p.turn.length &&
      p.root.length === 6 * p.turn.length &&
      p.turn.every((_, k) => {
        const [i, j] = [p.pairs[2 * k], p.pairs[2 * k + 1]];
        return isLine(i) && isLine(j) && i !== j;
      }) &&
      p.triangles.line.every(isLine) &&
      p.triangles.others.every(isLine) &&
      [p.triangles.count, p.triangles.weight, p.triangles.size].every(
        (list) => list.length === p.triangles.line.length,
      ) &&
      [p.triangles.others, p.triangles.factors].every(
        (list) => list.length === p.triangles.count.reduce((sum, one) => sum + one, 0),
      ),
  );
  if (!fits || dual.length !== prepared.X.rows * prepared.outputs) {
    throw new ProofError('rejected: a list of the proof has another length than the data ask for');
  }
}
