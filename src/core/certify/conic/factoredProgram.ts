import type { Kernels } from '../../base/kernels/kernels.ts';
import { createRng } from '../../base/rng.ts';
import type { ConvexNeuron } from '../../network/mapping.ts';
import type { AtomPoint } from './pairs.ts';
import type { AtomShape, RelaxedProblem } from './relaxedProgram.ts';
import type { MajorantMultipliers } from './majorant.ts';
import { noTriangles } from './triangleCones.ts';

/** Where an atom stands: lines times R (L x r), their squares, x'u, ||U x||, and bounds of half-widths. */
interface FactoredAtom {
  readonly P: Float64Array;
  /** P R'R. */
  readonly PS: Float64Array;
  readonly S: Float64Array;
  readonly t: Float64Array;
  /** ||U x|| for each line, smoothed. */
  readonly inner: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** tau */
  tau: number;
}

/**
 * The relaxed program without pairs as a smooth function of factors: an atom is U = R R' for R (d x r) and u = rho ||R|| r_1 with |rho| < 1, which is every point of
 * [tau u'; u U] psd, tau = tr U, of rank at most r (Burer and Monteiro 2003). Half-widths are free between max(|x'u|, ||U x||) and sqrt(tau x'U x), so that
 * the program is min over R, rho of l(best fit that those bounds allow) + beta sum tau. Absolute values and norms are rounded by `width`. Costs some products of the
 * lines with R instead of a system of order d^2 / 2. For problems without a free bias.
 */
export class FactoredProgram {
  /** Variables: for each atom R, row by row, and the number whose rho is g / sqrt(1 + g^2). */
  readonly size: number;
  /** n x c: fits of the last evaluation. */
  readonly fit: Float64Array;
  /** Rounding of corners, in units of the variables. */
  width = 0;
  private readonly atoms: readonly FactoredAtom[];
  private readonly G: Float64Array;
  /** L x c each: the part of the fit that half-widths make, its bounds, and the gradients in it and in x'u. */
  private readonly half: Float64Array;
  private readonly bottom: Float64Array;
  private readonly top: Float64Array;
  private readonly onHalf: Float64Array;
  private readonly onSide: Float64Array;
  private readonly curvature: Float64Array;
  private readonly dP: Float64Array;
  private readonly scaled: Float64Array;
  private readonly product: Float64Array;

  constructor(
    private readonly problem: RelaxedProblem,
    private readonly shapes: readonly AtomShape[],
    private readonly rank: number,
    private readonly kernels: Kernels,
  ) {
    const { lines, datafit, outputs } = problem;
    const { rows: L, cols: d } = lines.unit;
    this.size = shapes.length * (d * rank + 1);
    this.fit = new Float64Array(datafit.rows * outputs);
    this.G = new Float64Array(datafit.rows * outputs);
    const numbers = (): Float64Array => new Float64Array(L);
    this.atoms = shapes.map(() => ({
      P: new Float64Array(L * rank),
      PS: new Float64Array(L * rank),
      S: new Float64Array(rank * rank),
      t: numbers(),
      inner: numbers(),
      low: numbers(),
      high: numbers(),
      tau: 0,
    }));
    this.half = new Float64Array(L * outputs);
    this.bottom = new Float64Array(L * outputs);
    this.top = new Float64Array(L * outputs);
    this.onHalf = new Float64Array(L * outputs);
    this.onSide = new Float64Array(L * outputs);
    this.curvature = new Float64Array(L);
    for (let i = 0; i < lines.line.length; i++) {
      if (lines.line[i] >= 0) this.curvature[lines.line[i]] += datafit.lipschitz * lines.length[i] ** 2;
    }
    this.dP = new Float64Array(L * rank);
    this.scaled = new Float64Array(L * rank);
    this.product = new Float64Array(Math.max(d * rank, rank * rank));
  }

  /** Neurons of a network (penalised norm tau, no free bias) and something random beside them, `total` in all. */
  start(total: number, network: readonly ConvexNeuron[], seed = 1): Float64Array {
    const { shapes, rank, problem } = this;
    const d = problem.lines.unit.cols;
    const x = new Float64Array(this.size);
    const rng = createRng(seed).fork('factored relaxation');
    shapes.forEach(({ output, sign }, k) => {
      const R = x.subarray(k * (d * rank + 1), (k + 1) * (d * rank + 1) - 1);
      const noise = Math.sqrt((0.3 * total) / (shapes.length * d * rank));
      for (let e = 0; e < R.length; e++) R[e] = noise * rng.normal();
      const own = network.filter((neuron) => neuron.output === output && neuron.sign === sign).slice(0, rank);
      const h = new Float64Array(rank);
      own.forEach(({ u }, j) => {
        let tau = 0;
        for (let a = 0; a < d; a++) tau += u[a] * u[a];
        h[j] = tau ** 0.25;
        // tau (u / tau) (u / tau)' in a network of its own norms
        for (let a = 0; a < d; a++) R[a * rank + j] += u[a] / Math.max(h[j], Number.MIN_VALUE);
      });
      if (own.length > 0) reflectToFirst(R, d, rank, h);
      x[(k + 1) * (d * rank + 1) - 1] = own.length > 0 ? 2 : 0;
    });
    return x;
  }

  /** Value and gradient at x. */
  evaluate(x: Float64Array, gradient: Float64Array): number {
    const { shapes } = this;
    const block = this.size / shapes.length;
    shapes.forEach((_, k) => {
      this.place(k, x.subarray(k * block, (k + 1) * block));
    });
    const loss = this.settle();
    shapes.forEach((_, k) => {
      this.pullBack(k, x.subarray(k * block, (k + 1) * block), gradient.subarray(k * block, (k + 1) * block));
    });
    return loss + this.penalty;
  }

  /** beta sum tau at the last evaluation. */
  get penalty(): number {
    return this.atoms.reduce((sum, { tau }) => sum + this.problem.beta * tau, 0);
  }

  /** The value at x without rounding: the relaxed program is at most that. */
  exactValue(x: Float64Array): number {
    const { shapes, width } = this;
    const block = this.size / shapes.length;
    this.width = 0;
    shapes.forEach((_, k) => {
      this.place(k, x.subarray(k * block, (k + 1) * block));
    });
    const value = this.settle() + this.penalty;
    this.width = width;
    return value;
  }

  /** The atoms over tau at the last evaluation, which was at x; half-widths where the fit has them between their bounds. */
  points(x: Float64Array): AtomPoint[] {
    const { shapes, problem, atoms, rank, half, bottom, top } = this;
    const { rows: L, cols: d } = problem.lines.unit;
    return shapes.map(({ output, sign }, k) => {
      const { low, high, tau } = atoms[k];
      const R = x.slice(k * (d * rank + 1), k * (d * rank + 1) + d * rank);
      const U = new Float64Array(d * d);
      this.kernels.gemm(false, true, d, d, rank, 1 / tau, R, R, 0, U);
      const a = Float64Array.from({ length: L }, (_, l) => {
        const at = l * problem.outputs + output;
        const room = top[at] - bottom[at];
        const share = room > 0 ? (half[at] - bottom[at]) / room : 0.5;
        return (low[l] + (sign > 0 ? share : 1 - share) * (high[l] - low[l])) / tau;
      });
      return { U, a };
    });
  }

  /** Multipliers of atom k at the last evaluation, for the column of V with its sign folded in: as `lineLoads` gives it. */
  multipliers(k: number, x: Float64Array, even: ArrayLike<number>): MajorantMultipliers {
    const { rank, problem, atoms, width } = this;
    const { rows: L, cols: d } = problem.lines.unit;
    const { P, t, inner, tau } = atoms[k];
    const R = x.subarray(k * (d * rank + 1));
    const w = new Float64Array(L * d);
    this.kernels.gemm(false, true, L, d, rank, 1, P, R.slice(0, d * rank), 0, w);
    const [size, plus, minus, turn] = [0, 1, 2, 3].map(() => new Float64Array(L));
    for (let i = 0; i < L; i++) {
      let square = 0;
      for (let j = i * rank; j < (i + 1) * rank; j++) square += P[j] * P[j];
      size[i] = Math.sqrt(square / tau);
      for (let a = i * d; a < (i + 1) * d; a++) w[a] /= inner[i];
      const amount = Math.max(0, -even[i]) / 2;
      const side = Math.sqrt(t[i] * t[i] + width * width);
      const share = (1 + (side - inner[i]) / Math.sqrt((side - inner[i]) ** 2 + width * width)) / 2;
      turn[i] = amount * (1 - share);
      const slope = t[i] / side;
      plus[i] = (amount * share * (1 + slope)) / 2;
      minus[i] = (amount * share * (1 - slope)) / 2;
    }
    const lifted = { pairs: [], root: new Float64Array(0), turn: new Float64Array(0) };
    return { w, size, plus, minus, inner: turn, lifted, triangles: noTriangles, bias: 0 };
  }

  /** What half-widths of an atom may be. */
  private place(k: number, x: Float64Array): void {
    const { rank: r, problem, atoms, width, kernels } = this;
    const { unit } = problem.lines;
    const { rows: L, cols: d } = unit;
    const atom = atoms[k];
    const { P, PS, S, t, inner, low, high } = atom;
    const R = x.slice(0, d * r);
    let tau = 0;
    for (const value of R) tau += value * value;
    atom.tau = tau;
    const g = x[d * r];
    const along = Math.sqrt(tau / (1 + g * g)) * g;
    kernels.gemm(false, false, L, r, d, 1, unit.data, R, 0, P);
    kernels.gemm(true, false, r, r, d, 1, R, R, 0, S);
    kernels.gemm(false, false, L, r, r, 1, P, S, 0, PS);
    const small = width * width;
    for (let i = 0, at = 0; i < L; i++) {
      let square = 0;
      let turned = 0;
      for (const end = at + r; at < end; at++) {
        square += P[at] * P[at];
        turned += P[at] * PS[at];
      }
      t[i] = along * P[i * r];
      inner[i] = Math.sqrt(turned + small);
      const side = Math.sqrt(t[i] * t[i] + small);
      low[i] = (side + inner[i] + Math.sqrt((side - inner[i]) ** 2 + small)) / 2 - 1.5 * width;
      high[i] = Math.sqrt(tau * square + small);
    }
  }

  /** The best fit within the bounds; its loss, and what its gradient does to half-widths and to x'u. */
  private settle(): number {
    const { problem, shapes, atoms, half, bottom, top, onHalf, onSide, fit, G, curvature } = this;
    const { lines, datafit, outputs: c } = problem;
    const L = lines.unit.rows;
    const { line, side, length } = lines;
    bottom.fill(0);
    top.fill(0);
    const turn = new Float64Array(L * c);
    shapes.forEach(({ output, sign }, k) => {
      const { low, high, t } = atoms[k];
      const [below, above] = sign > 0 ? [low, high] : [high, low];
      for (let l = 0, at = output; l < L; l++, at += c) {
        bottom[at] += 0.5 * sign * below[l];
        top[at] += 0.5 * sign * above[l];
        turn[at] += 0.5 * sign * t[l];
      }
    });
    const clamp = (e: number): void => {
      half[e] = Math.max(bottom[e], Math.min(Math.max(bottom[e], top[e]), half[e]));
    };
    for (let e = 0; e < half.length; e++) clamp(e);
    const rounds = datafit.quadratic ? 2 : 30;
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < line.length; i++) {
        const l = line[i];
        for (let o = 0; o < c; o++) {
          fit[i * c + o] = l < 0 ? 0 : length[i] * (side[i] * turn[l * c + o] + half[l * c + o]);
        }
      }
      datafit.gradient(fit, G);
      onHalf.fill(0);
      for (let i = 0; i < line.length; i++) {
        if (line[i] >= 0) for (let o = 0; o < c; o++) onHalf[line[i] * c + o] += length[i] * G[i * c + o];
      }
      if (round === rounds - 1) break;
      let moved = 0;
      for (let e = 0; e < half.length; e++) {
        const before = half[e];
        half[e] -= onHalf[e] / curvature[Math.floor(e / c)];
        clamp(e);
        moved = Math.max(moved, Math.abs(half[e] - before) / (Math.abs(before) + top[e] - bottom[e]));
      }
      if (moved === 0) break;
    }
    onSide.fill(0);
    for (let i = 0; i < line.length; i++) {
      if (line[i] >= 0) for (let o = 0; o < c; o++) onSide[line[i] * c + o] += side[i] * length[i] * G[i * c + o];
    }
    return datafit.value(fit);
  }

  /** out := gradient in the variables of atom k. */
  private pullBack(k: number, x: Float64Array, out: Float64Array): void {
    const { rank: r, problem, atoms, shapes, width, kernels, onHalf, onSide, dP, scaled, product } = this;
    const { unit } = problem.lines;
    const { rows: L, cols: d } = unit;
    const c = problem.outputs;
    const { P, PS, t, inner, high, tau } = atoms[k];
    const { output, sign } = shapes[k];
    const g = x[d * r];
    const rho = g / Math.sqrt(1 + g * g);
    const root = Math.sqrt(tau);
    const small = width * width;
    let onTau = problem.beta;
    let onAlong = 0;
    for (let i = 0; i < L; i++) {
      const half = 0.5 * sign * onHalf[i * c + output];
      let onT = 0.5 * sign * onSide[i * c + output];
      let onSquare = 0;
      let onTurned = 0;
      if (half > 0) {
        const s = Math.sqrt(t[i] * t[i] + small);
        const share = (1 + (s - inner[i]) / Math.sqrt((s - inner[i]) ** 2 + small)) / 2;
        onT += (half * share * t[i]) / s;
        onTurned = (half * (1 - share)) / (2 * inner[i]);
      } else if (half < 0) {
        onSquare = (half * tau) / (2 * high[i]);
        onTau += (half * (high[i] * high[i] - small)) / (2 * high[i] * tau);
      }
      const at = i * r;
      for (let j = at; j < at + r; j++) {
        dP[j] = 2 * (onSquare * P[j] + onTurned * PS[j]);
        scaled[j] = onTurned * P[j];
      }
      onAlong += onT * P[at];
      dP[at] += onT * rho * root;
    }
    onTau += (onAlong * rho) / (2 * root);
    const R = x.slice(0, d * r);
    const gradient = new Float64Array(d * r);
    kernels.gemm(true, false, d, r, L, 1, unit.data, dP, 0, gradient);
    const inR = product.subarray(0, r * r);
    kernels.gemm(true, false, r, r, L, 1, P, scaled, 0, inR);
    kernels.gemm(false, false, d, r, r, 2, R, inR, 1, gradient);
    for (let e = 0; e < d * r; e++) out[e] = gradient[e] + 2 * onTau * R[e];
    out[d * r] = (onAlong * root) / (1 + g * g) ** 1.5;
  }
}

/** R := R H for the reflection H that takes the first axis to h / ||h||. */
function reflectToFirst(R: Float64Array, d: number, r: number, h: Float64Array): void {
  let norm = 0;
  for (const value of h) norm += value * value;
  norm = Math.sqrt(norm);
  const v = h.map((value) => -value / norm);
  v[0] += 1;
  let square = 0;
  for (const value of v) square += value * value;
  if (!(square > 1e-30)) return;
  for (let a = 0; a < d; a++) {
    let s = 0;
    for (let j = 0; j < r; j++) s += R[a * r + j] * v[j];
    for (let j = 0; j < r; j++) R[a * r + j] -= ((2 * s) / square) * v[j];
  }
}
