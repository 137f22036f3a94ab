import type { SharedNeuron } from '../../network/mapping.ts';
import { addOuterProducts } from '../../base/linalg/cholesky.ts';
import { denseMatrix, norm2 } from '../../base/linalg/matrix.ts';
import { symmetricEigen } from '../../base/linalg/symmetricEigen.ts';
import type { Control } from '../../base/control.ts';
import type { LocalProblem } from '../relu/activeNeurons.ts';
import { nullBasis } from '../../base/linalg/nullBasis.ts';
import { PositiveSystem } from '../relu/positiveSystem.ts';
import { balancedShared, classProducts, evaluateShared } from './sharedNeuron.ts';

export interface FaceResult {
  readonly neurons: readonly SharedNeuron[];
  readonly offset: Float64Array;
  readonly objective: number;
  readonly iterations: number;
  /** Largest residual of the optimality conditions within the held kinks, over beta. */
  readonly residual: number;
}

/** Rows nearer to the kink than this (cosine) count as lying on it. */
const onKink = 1e-10;

interface FaceNeuron {
  w: Float64Array;
  a: Float64Array;
  held: number[];
  basis: Float64Array;
  dim: number;
  /** Rows that are on, and X Z on them (dim x on.length). */
  on: Int32Array;
  features: Float64Array;
  /** Xw on the rows `on`. */
  phi: Float64Array;
  /** X'DV, d x c. */
  slope: Float64Array;
  at: number;
}

/**
 * Newton's method on  l(sum_j (X w_j)_+ a_j' + 1 offset') + beta/2 sum_j (||w_j||^2 + ||a_j||^2)  over directions, outgoing vectors and offset together,
 * each neuron kept on the kinks it is on. Within the patterns this is smooth; its Hessian is the Gauss-Newton part plus, for every neuron, the
 * block [beta I, -G; -G', beta I] with G = Z'X'DV, whose eigenvalues beta +- sigma(G) are non-negative exactly when the neuron
 * meets its dual constraint within its cell; elsewhere they enter by their size. Steps may cross kinks when that pays, and end on one
 * otherwise. The objective never rises.
 */
export function slideOnFaces(
  problem: LocalProblem,
  start: readonly SharedNeuron[],
  startOffset: ArrayLike<number>,
  tolerance: number,
  maxIterations: number,
  control: Control,
): FaceResult {
  const { X, classes, datafit, beta, penalizedCols: q } = problem;
  const { rows: n, cols: d } = X;
  const c = datafit.outputs;
  const offset = Float64Array.from(startOffset);
  const F = new Float64Array(n * c);
  const V = new Float64Array(n * c);
  const H = new Float64Array(n * c * c);
  const trial = new Float64Array(n * c);
  const t = new Float64Array(classes.count);
  const dt = new Float64Array(classes.count);
  let neurons = start.map((neuron) => onItsFace(problem, neuron, t));
  let objective = evaluateShared(problem, neurons, offset, F);
  let residual = Infinity;
  let iterations = 0;
  let quiet = 0;
  let damping = 1e-13;
  for (; iterations < maxIterations && !control.shouldStop(); iterations++) {
    datafit.dualPoint(F, V);
    residual = measure();
    if (residual <= tolerance || (neurons.length === 0 && !problem.offset)) break;
    datafit.hessian(F, H);
    const step = direction();
    if (step === undefined) break;
    const before = objective;
    if (!move(step.x, step.slope)) {
      damping = Math.max(1e-9, damping * 100);
      if (damping > 1) break;
      continue;
    }
    damping = Math.max(1e-13, damping * 0.01);
    if (before - objective <= 1e-15 * Math.abs(before)) {
      if (++quiet > 3) break;
    } else quiet = 0;
  }
  return { neurons, offset, objective, iterations, residual };

  /** Slopes of all neurons, and the largest residual over beta. */
  function measure(): number {
    let worst = 0;
    for (const neuron of neurons) {
      const { w, a, on, phi, slope, basis, dim } = neuron;
      slope.fill(0);
      const image = new Float64Array(c);
      for (let r = 0; r < on.length; r++) {
        const i = on[r];
        for (let o = 0; o < c; o++) {
          const v = V[i * c + o];
          image[o] += v * phi[r];
          for (let j = 0; j < d; j++) slope[j * c + o] += v * X.data[i * d + j];
        }
      }
      const inner = norm2(w.subarray(0, q));
      const outer = norm2(a);
      let out = 0;
      for (let o = 0; o < c; o++) out += (image[o] / inner - (beta * a[o]) / outer) ** 2;
      let own = 0;
      for (let m = 0; m < dim; m++) {
        let s = 0;
        for (let j = 0; j < d; j++) {
          let g = j < q ? (-beta * w[j]) / inner : 0;
          for (let o = 0; o < c; o++) g += (slope[j * c + o] * a[o]) / outer;
          s += g * basis[m * d + j];
        }
        own += s * s;
      }
      worst = Math.max(worst, Math.sqrt(out), Math.sqrt(own));
    }
    if (problem.offset) {
      for (let o = 0; o < c; o++) {
        let s = 0;
        for (let i = 0; i < n; i++) s += V[i * c + o];
        worst = Math.max(worst, Math.abs(s));
      }
    }
    return worst / beta;
  }

  /** Newton direction and the derivative of the objective along it; undefined when stopped. */
  function direction(): { x: Float64Array; slope: number } | undefined {
    let size = 0;
    for (const neuron of neurons) {
      neuron.at = size;
      size += neuron.dim + c;
    }
    const stacked = size;
    if (problem.offset) size += c;
    const rhs = new Float64Array(size);
    const system = new PositiveSystem(size, problem.kernels);
    try {
      system.clear();
      const A = system.matrix;
      for (let one = 0; one < neurons.length; one++) {
        if (control.shouldStop()) return undefined;
        for (let two = 0; two <= one; two++) addPair(neurons[one], neurons[two], A, size, one === two);
        addOwn(neurons[one], A, size, rhs);
        if (problem.offset) addOffset(neurons[one], A, size, stacked);
      }
      if (problem.offset) {
        for (let i = 0; i < n; i++) {
          for (let o = 0; o < c; o++) {
            rhs[stacked + o] += V[i * c + o];
            for (let p = 0; p <= o; p++) A[(stacked + o) * size + stacked + p] += H[(i * c + o) * c + p];
          }
        }
      }
      let trace = 0;
      for (let i = 0; i < size; i++) trace += A[i * size + i];
      for (let i = 0; i < size; i++) A[i * size + i] += (damping * trace) / size;
      const slopes = rhs.slice();
      if (!system.factor(() => control.shouldStop())) return undefined;
      system.solve(rhs);
      let slope = 0;
      for (let i = 0; i < size; i++) slope -= slopes[i] * rhs[i];
      return Number.isFinite(slope) ? { x: rhs, slope } : undefined;
    } finally {
      system.dispose();
    }
  }

  /** Gauss-Newton block of two neurons: rows that both are on for. */
  function addPair(g: FaceNeuron, h: FaceNeuron, A: Float64Array, size: number, same: boolean): void {
    const mine: number[] = [];
    const theirs: number[] = [];
    for (let r = 0, s = 0; r < g.on.length && s < h.on.length;) {
      const difference = g.on[r] - h.on[s];
      if (difference === 0) {
        mine.push(r);
        theirs.push(s);
      }
      if (difference <= 0) r++;
      if (difference >= 0) s++;
    }
    const common = mine.length;
    // H a of the other neuron, row by row, and a'H a
    const right = new Float64Array(common * c);
    const left = new Float64Array(common * c);
    const both = new Float64Array(common);
    for (let k = 0; k < common; k++) {
      const from = g.on[mine[k]] * c * c;
      for (let o = 0; o < c; o++) {
        let r = 0;
        let l = 0;
        for (let p = 0; p < c; p++) {
          r += H[from + o * c + p] * h.a[p];
          l += H[from + o * c + p] * g.a[p];
        }
        right[k * c + o] = r;
        left[k * c + o] = l;
        both[k] += g.a[o] * r;
      }
    }
    const P = new Float64Array(g.dim * common);
    const Q = new Float64Array(h.dim * common);
    for (let x = 0; x < g.dim; x++) {
      const from = x * g.on.length;
      for (let k = 0; k < common; k++) P[x * common + k] = both[k] * g.features[from + mine[k]];
    }
    for (let y = 0; y < h.dim; y++) {
      const from = y * h.on.length;
      for (let k = 0; k < common; k++) Q[y * common + k] = h.features[from + theirs[k]];
    }
    addOuterProducts(P, g.dim, Q, h.dim, common, A, g.at, h.at, size, same);
    for (let o = 0; o < c; o++) {
      // outgoing weights of g against directions of h, and (once) the other way round
      const row = (g.at + g.dim + o) * size;
      for (let y = 0; y < h.dim; y++) {
        let s = 0;
        for (let k = 0; k < common; k++) s += g.phi[mine[k]] * right[k * c + o] * Q[y * common + k];
        A[row + h.at + y] += s;
      }
      if (!same) {
        for (let x = 0; x < g.dim; x++) {
          let s = 0;
          const from = x * g.on.length;
          for (let k = 0; k < common; k++) s += h.phi[theirs[k]] * left[k * c + o] * g.features[from + mine[k]];
          A[(g.at + x) * size + h.at + h.dim + o] += s;
        }
      }
      for (let p = 0; p < (same ? o + 1 : c); p++) {
        let s = 0;
        for (let k = 0; k < common; k++) {
          s += g.phi[mine[k]] * h.phi[theirs[k]] * H[(g.on[mine[k]] * c + o) * c + p];
        }
        A[row + h.at + h.dim + p] += s;
      }
    }
  }

  /** The neuron's own curvature and its gradient. */
  function addOwn(neuron: FaceNeuron, A: Float64Array, size: number, rhs: Float64Array): void {
    const { w, a, basis, dim, slope, at, on, phi } = neuron;
    const order = dim + c;
    const B = denseMatrix(order, order);
    for (let m = 0; m < dim; m++) {
      const column = basis.subarray(m * d, (m + 1) * d);
      let along = 0;
      for (let o = 0; o < c; o++) {
        let s = 0;
        for (let j = 0; j < d; j++) s += column[j] * slope[j * c + o];
        B.data[m * order + dim + o] = B.data[(dim + o) * order + m] = -s;
        along += s * a[o];
      }
      for (let j = 0; j < q; j++) along -= beta * column[j] * w[j];
      rhs[at + m] += along;
      for (let k = 0; k < dim; k++) {
        const unpenalized = q < d ? column[d - 1] * basis[k * d + d - 1] : 0;
        B.data[m * order + k] = beta * ((m === k ? 1 : 0) - unpenalized);
      }
    }
    for (let o = 0; o < c; o++) {
      B.data[(dim + o) * order + dim + o] = beta;
      let s = -beta * a[o];
      for (let r = 0; r < on.length; r++) s += V[on[r] * c + o] * phi[r];
      rhs[at + dim + o] += s;
    }
    const { values, vectors } = symmetricEigen(B);
    for (let e = 0; e < order; e++) {
      const value = Math.abs(values[e]);
      for (let x = 0; x < order; x++) {
        const scaled = value * vectors[e * order + x];
        for (let y = 0; y <= x; y++) A[(at + x) * size + at + y] += scaled * vectors[e * order + y];
      }
    }
  }

  function addOffset(neuron: FaceNeuron, A: Float64Array, size: number, stacked: number): void {
    const { a, on, features, phi, dim, at } = neuron;
    for (let r = 0; r < on.length; r++) {
      for (let o = 0; o < c; o++) {
        const row = (stacked + o) * size + at;
        let along = 0;
        for (let p = 0; p < c; p++) {
          const h = H[(on[r] * c + o) * c + p];
          along += h * a[p];
          A[row + dim + p] += h * phi[r];
        }
        for (let x = 0; x < dim; x++) A[row + x] += along * features[x * on.length + r];
      }
    }
  }

  /** Takes the best step along x that can be found; false when none lowers the objective enough. */
  function move(x: Float64Array, slope: number): boolean {
    const dw = neurons.map((neuron) => {
      const out = new Float64Array(d);
      for (let m = 0; m < neuron.dim; m++) {
        for (let j = 0; j < d; j++) out[j] += x[neuron.at + m] * neuron.basis[m * d + j];
      }
      return out;
    });
    const at = (tau: number): { neurons: SharedNeuron[]; offset: Float64Array } => ({
      neurons: neurons.map((neuron, k) => ({
        w: neuron.w.map((value, j) => value + tau * dw[k][j]),
        a: neuron.a.map((value, o) => value + tau * x[neuron.at + neuron.dim + o]),
      })),
      offset: offset.map((value, o) => value + (problem.offset ? tau * x[x.length - c + o] : 0)),
    });
    // the first kink on the way
    let first = Infinity;
    let which = -1;
    let kink = -1;
    neurons.forEach((neuron, k) => {
      classProducts(problem, neuron.w, t);
      classProducts(problem, dw[k], dt);
      for (let j = 0; j < classes.count; j++) {
        if (neuron.held.includes(j) || t[j] * dt[j] >= 0) continue;
        const tau = -t[j] / dt[j];
        if (tau < first) [first, which, kink] = [tau, k, j];
      }
    });
    const accept = (tau: number, armijo: number, hold: boolean): boolean => {
      const next = at(tau);
      const balanced = next.neurons.map((neuron) => balancedShared(neuron, q));
      const faces: FaceNeuron[] = [];
      balanced.forEach((neuron, k) => {
        if (neuron === undefined) return;
        const extra = hold && k === which ? [kink] : [];
        faces.push(onItsFace(problem, neuron, t, extra, neurons[k]));
      });
      const value = evaluateShared(problem, faces, next.offset, trial);
      const room = 1e-14 * Math.abs(objective);
      if (!(value <= objective + armijo * tau * slope + room) || value > objective + room) return false;
      neurons = faces;
      offset.set(next.offset);
      F.set(trial);
      objective = Math.min(objective, value);
      return true;
    };
    if (first >= 1) {
      for (let tau = 1, k = 0; k < 30; k++, tau *= 0.5) if (accept(tau, 1e-3, false)) return true;
      return false;
    }
    for (let tau = 1; tau > Math.max(first, 0.1); tau *= 0.5) if (accept(tau, 0.1, false)) return true;
    if (accept(first, 1e-3, true)) return true;
    for (let tau = 0.5 * first, k = 0; k < 20; k++, tau *= 0.5) if (accept(tau, 1e-3, false)) return true;
    return false;
  }
}

/** Puts the neuron exactly onto the kinks it is on, and prepares what steps within them need. */
function onItsFace(
  problem: LocalProblem,
  neuron: SharedNeuron,
  t: Float64Array,
  extra: readonly number[] = [],
  previous?: FaceNeuron,
): FaceNeuron {
  const { X, classes } = problem;
  const { rows: n, cols: d } = X;
  let w = neuron.w;
  classProducts(problem, w, t);
  const size = norm2(w);
  const held: number[] = extra.slice();
  for (let k = 0; k < classes.count; k++) {
    if (Math.abs(t[k]) <= onKink * size && !held.includes(k)) held.push(k);
  }
  held.sort((x, y) => x - y);
  const same = previous?.held.join() === held.join();
  const { basis, dim } = same && previous !== undefined ? previous : nullBasis(classes.directions, held, d);
  if (held.length > 0) {
    const projected = new Float64Array(d);
    for (let m = 0; m < dim; m++) {
      let s = 0;
      for (let j = 0; j < d; j++) s += basis[m * d + j] * w[j];
      for (let j = 0; j < d; j++) projected[j] += s * basis[m * d + j];
    }
    w = projected;
    classProducts(problem, w, t);
  }
  const isHeld = new Uint8Array(classes.count);
  for (const k of held) isHeld[k] = 1;
  const rows: number[] = [];
  for (let i = 0; i < n; i++) {
    const k = classes.classOf[i];
    if (k >= 0 && isHeld[k] === 0 && t[k] * classes.scale[i] > 0) rows.push(i);
  }
  const on = Int32Array.from(rows);
  const phi = Float64Array.from(rows, (i) => t[classes.classOf[i]] * classes.scale[i]);
  let features: Float64Array;
  if (same && previous?.on.length === on.length && previous.on.every((i, r) => i === on[r]))
    features = previous.features;
  else {
    features = new Float64Array(dim * on.length);
    for (let m = 0; m < dim; m++) {
      for (let r = 0; r < on.length; r++) {
        let s = 0;
        for (let j = 0; j < d; j++) s += X.data[on[r] * d + j] * basis[m * d + j];
        features[m * on.length + r] = s;
      }
    }
  }
  const slope = new Float64Array(d * problem.datafit.outputs);
  return { w, a: neuron.a, held, basis, dim, on, features, phi, slope, at: 0 };
}
