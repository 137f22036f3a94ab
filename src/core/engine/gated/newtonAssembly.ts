import type { HessianTerms, SymmetricSystem } from '../../base/kernels/kernels.ts';
import type { BlockPenalty } from '../../problem/penalties/penalty.ts';
import type { GatedProgram } from './program.ts';

/** The active part of the augmented Lagrangian at one point. */
export interface ActivePart {
  /** Ids of the gates with a non-zero block. */
  readonly gates: Int32Array;
  /** m x d x c: argument of the prox of those gates. */
  readonly W: Float64Array;
  /** Threshold of the prox, sigma * beta. */
  readonly threshold: number;
  readonly sigma: number;
}

/** How well a step has to solve its system. */
export interface StepAccuracy {
  /** Residual over right-hand side that an iterative method must reach. */
  readonly relative: number;
  /**
   * Whether the residual must be small against the step itself, too: steps that move the fit apply the operator once more, which
   * undoes what cancels in the step.
   */
  readonly consistent: boolean;
}

/** One system: the outputs it couples, with the penalty of their blocks. */
export interface NewtonPart {
  readonly active: ActivePart;
  readonly penalty: BlockPenalty;
  readonly c: number;
  /** Columns of the row factors. */
  readonly w: number;
  /** n blocks of c x w. */
  readonly L: Float64Array;
  readonly g: Float64Array;
  readonly accuracy: StepAccuracy;
  readonly x: Float64Array;
  /** Where its factor is kept from step to step. */
  readonly slot: number;
}

/** target := I + sigma L'ML (lower triangle). */
export function assembleSystem(part: NewtonPart, program: GatedProgram, target: SymmetricSystem): void {
  const { rows: n, operator, kernels } = program;
  const { L, c, w } = part;
  const terms = { ...hessianTerms(part, program), diagonal: 0 };
  if (w === c) {
    // L is diagonal
    operator.hessian(terms, target);
    const order = n * c;
    const scale = new Float64Array(order);
    let isIdentity = true;
    for (let i = 0; i < order; i++) {
      scale[i] = L[i * c + (i % c)];
      isIdentity &&= scale[i] === 1;
    }
    if (!isIdentity) {
      const { matrix } = target;
      for (let i = 0; i < order; i++) {
        const row = i * order;
        for (let j = 0; j <= i; j++) matrix[row + j] *= scale[i] * scale[j];
      }
    }
    target.addDiagonal(1);
    return;
  }
  const full = kernels.createSymmetricSystem(n * c);
  operator.hessian(terms, full);
  const source = full.matrix;
  const { matrix } = target;
  const half = new Float64Array(c * w);
  for (let r = 0; r < n; r++) {
    for (let t = 0; t <= r; t++) {
      // half := M_rt L_t, then block (r, t) := L_r' half
      for (let o = 0; o < c; o++) {
        for (let u = 0; u < w; u++) {
          let s = 0;
          for (let p = 0; p < c; p++) {
            const i = r * c + o;
            const j = t * c + p;
            s += source[i >= j ? i * n * c + j : j * n * c + i] * L[(t * c + p) * w + u];
          }
          half[o * w + u] = s;
        }
      }
      for (let v = 0; v < w; v++) {
        for (let u = 0; u < w; u++) {
          let s = 0;
          for (let o = 0; o < c; o++) s += L[(r * c + o) * w + v] * half[o * w + u];
          matrix[(r * w + v) * n * w + t * w + u] = s;
        }
      }
    }
  }
  full.dispose();
  target.addDiagonal(1);
}

/** Weights and vectors of the Hessian for the operator's assembly: a_i, b_i, q_i of each active group. */
function hessianTerms(
  { active, penalty, c }: NewtonPart,
  { operator, rows: n, features: d }: GatedProgram,
): Omit<HessianTerms, 'diagonal'> {
  const { groups } = penalty;
  const m = active.gates.length;
  const fits = new Float64Array(m * n * c);
  operator.fits(active.W, c, fits, active.gates);
  const a = new Float64Array(m * c);
  const b: number[] = [];
  const outputOf: number[] = [];
  const columns: [number, number][] = [];
  const size = d * c;
  for (let k = 0; k < m; k++) {
    for (let group = 0; group < groups; group++) {
      let squares = 0;
      for (let i = group; i < size; i += groups) squares += active.W[k * size + i] ** 2;
      const length = Math.sqrt(squares);
      if (length <= active.threshold) continue;
      const weight = 1 - active.threshold / length;
      if (groups === 1) for (let o = 0; o < c; o++) a[k * c + o] = weight;
      else a[k * c + group] = weight;
      b.push(active.threshold / (length * squares));
      columns.push([k, group]);
      outputOf.push(group);
    }
  }
  const whole = groups === 1;
  const q = whole ? fits : new Float64Array(columns.length * n);
  if (!whole) {
    columns.forEach(([k, o], t) => {
      for (let r = 0; r < n; r++) q[t * n + r] = fits[(k * n + r) * c + o];
    });
  }
  return {
    outputs: c,
    sigma: active.sigma,
    gates: active.gates,
    a,
    b: Float64Array.from(b),
    // with one group per block every listed gate is active, so that the fits are the vectors in order
    q,
    ...(whole ? {} : { outputOf: Int32Array.from(outputOf) }),
  };
}

/** sqrt(sigma) J^(1/2) of each active gate: m symmetric blocks of d c x d c, J the generalised derivative of the prox; zero where a group is inactive. */
export function proxRoots({ active, penalty, c }: NewtonPart, d: number): Float64Array {
  const { groups } = penalty;
  const { W, threshold, sigma } = active;
  const m = active.gates.length;
  const size = d * c;
  const out = new Float64Array(m * size * size);
  const scale = Math.sqrt(sigma);
  for (let k = 0; k < m; k++) {
    for (let group = 0; group < groups; group++) {
      let squares = 0;
      for (let i = group; i < size; i += groups) squares += W[k * size + i] ** 2;
      const length = Math.sqrt(squares);
      if (length <= threshold) continue;
      // sqrt(a) I + (1 - sqrt(a)) w w' / ||w||^2
      const root = Math.sqrt(1 - threshold / length);
      const along = (1 - root) / squares;
      for (let i = group; i < size; i += groups) {
        const row = (k * size + i) * size;
        for (let j = group; j < size; j += groups) out[row + j] = scale * along * W[k * size + i] * W[k * size + j];
        out[row + i] += scale * root;
      }
    }
  }
  return out;
}

/** S = L L', n blocks of c x c. */
export function rowCurvature({ L, c, w }: NewtonPart): Float64Array {
  const n = L.length / (c * w);
  const S = new Float64Array(n * c * c);
  for (let r = 0, at = 0; r < n; r++) {
    for (let o = 0; o < c; o++) {
      for (let p = 0; p < c; p++, at++) {
        let s = 0;
        for (let v = 0; v < w; v++) s += L[(r * c + o) * w + v] * L[(r * c + p) * w + v];
        S[at] = s;
      }
    }
  }
  return S;
}

/** Division by a diagonal that bounds that of I + sigma L'ML: half of ||x_r||^2 for each active gate that is on. */
export function diagonalPreconditioner(
  { active, c, w, L }: NewtonPart,
  { X, rows: n, features: d, patterns }: GatedProgram,
): (r: Float64Array, h: Float64Array) => void {
  const scale = new Float64Array(n * w);
  for (let row = 0; row < n; row++) {
    let squares = 0;
    for (let j = 0; j < d; j++) squares += X.data[row * d + j] ** 2;
    let on = 0;
    for (const gate of active.gates) {
      on += (patterns.words[gate * patterns.wordsPerPattern + (row >> 5)] >>> (row & 31)) & 1;
    }
    for (let s = 0; s < w; s++) {
      let weight = 0;
      for (let o = 0; o < c; o++) weight += L[(row * c + o) * w + s] ** 2;
      scale[row * w + s] = 1 / (1 + active.sigma * 0.5 * on * squares * weight);
    }
  }
  return (r, h) => {
    for (let i = 0; i < scale.length; i++) h[i] = scale[i] * r[i];
  };
}

/** out := L z by rows: L holds n blocks of c x w. */
export function applyRowFactor({ L, c, w }: NewtonPart, z: Float64Array, out: Float64Array): void {
  const n = L.length / (c * w);
  for (let i = 0; i < n * c; i++) {
    const row = Math.floor(i / c);
    let s = 0;
    for (let v = 0; v < w; v++) s += L[i * w + v] * z[row * w + v];
    out[i] = s;
  }
}

/** out := L' v by rows. */
export function applyRowFactorTransposed({ L, c, w }: NewtonPart, v: Float64Array, out: Float64Array): void {
  const n = L.length / (c * w);
  for (let row = 0; row < n; row++) {
    for (let s = 0; s < w; s++) {
      let sum = 0;
      for (let o = 0; o < c; o++) sum += L[(row * c + o) * w + s] * v[row * c + o];
      out[row * w + s] = sum;
    }
  }
}
