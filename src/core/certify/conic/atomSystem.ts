import type { Kernels, SymmetricSystem } from '../../base/kernels/kernels.ts';
import { type LiftedPairs, pairMoments } from './liftedPairs.ts';
import type { UnitLines } from './lines.ts';
import { momentMatrix, momentsAlong } from './moments.ts';
import { rootForm } from './rootCones.ts';
import type { LinearCone, SecondOrderCones, SemidefiniteCone } from './scaledCones.ts';
import type { TriangleCones } from './triangleCones.ts';

/** The cones of one relaxed atom, at their present scaling. */
export interface AtomCones {
  readonly side: LinearCone;
  readonly inner: SecondOrderCones;
  readonly upper: SecondOrderCones;
  readonly psd: SemidefiniteCone;
}

/** What is left of an atom's matrix once the products of pairs and what belongs to triangles are eliminated: a-block (diagonal, and among lines that are in them), a x shape, shape. */
export interface AtomParts {
  /** Lower triangle, p x p. */
  readonly shape: Float64Array;
  /** L x p. */
  readonly between: Float64Array;
  readonly diagonal: Float64Array;
  /** Lower triangle over coupled lines, in their order; comes on top of the diagonal. */
  readonly pairs: Float64Array | undefined;
}

/** Pairs whose rows are added to the shape together. */
const chunk = 512;

/**
 * The matrix A'W^-2 A + (curvature of the loss) of one atom: the products A of lifted pairs and the b of triangles are eliminated first, then a (diagonal where a line is in none of them, dense
 * among those that are), which leaves the Schur complement in the entries of u and U.
 */
export class AtomSystem {
  private readonly p: number;
  private readonly shape: SymmetricSystem;
  private readonly pairSystem: SymmetricSystem | undefined;
  /** Lines that are in pairs, and the place of each line there (-1 for the others). */
  readonly coupledLines: Int32Array;
  private readonly place: Int32Array;
  /** Coefficients of x_i'U x_i on the shape. */
  private readonly squares: Float64Array;
  private readonly turns: Float64Array;
  /** Rows of the matrix between a and the shape, in the end times the inverse factor of the a-block. */
  private readonly between: Float64Array;
  private readonly diagonal: Float64Array;
  private readonly coupledRows: Float64Array;
  /** Rows of pairs on the shape, four for each, and of triangles, two for each. */
  private readonly pairRows: Float64Array;

  constructor(
    private readonly lines: UnitLines,
    private readonly lifted: LiftedPairs,
    private readonly triangles: TriangleCones,
    kernels: Kernels,
  ) {
    const { rows: L, cols: d, data: x } = lines.unit;
    this.p = d + (d * (d + 1)) / 2;
    this.shape = kernels.createSymmetricSystem(this.p);
    const used = new Set<number>();
    for (const { i, j } of lifted.pairs) used.add(i).add(j);
    for (const { line, others } of triangles.triangles) for (const one of [line, ...others]) used.add(one);
    this.coupledLines = Int32Array.from([...used].sort((a, b) => a - b));
    this.place = new Int32Array(L).fill(-1);
    this.coupledLines.forEach((line, k) => (this.place[line] = k));
    this.pairSystem = used.size > 0 ? kernels.createSymmetricSystem(used.size) : undefined;
    this.squares = squaresOf(x, L, d);
    this.turns = new Float64Array(L * this.p);
    this.between = new Float64Array(L * this.p);
    this.diagonal = new Float64Array(L);
    this.coupledRows = new Float64Array(used.size * this.p);
    const rows = Math.max(pairMoments * lifted.pairs.length, 2 * triangles.triangles.length);
    this.pairRows = new Float64Array(Math.min(chunk * pairMoments, rows) * this.p);
  }

  dispose(): void {
    this.shape.dispose();
    this.pairSystem?.dispose();
  }

  /** Assembles and factors; `curvature` is that of the loss in each row, for the output of the atom. False after a stop or when it cannot be factored. */
  factor(cones: AtomCones, curvature: Float64Array, shouldStop: () => boolean): boolean {
    if (!this.assemble(cones, curvature, shouldStop) || !this.eliminate()) return false;
    this.shape.addProduct(true, this.lines.unit.rows, -1, this.between);
    if (shouldStop()) return false;
    return factorShifted(this.shape);
  }

  /** The matrix with the products of pairs eliminated, for a factorisation together with other atoms; only after `assemble`. */
  get parts(): AtomParts {
    const { shape, between, diagonal, pairSystem } = this;
    return { shape: shape.matrix, between, diagonal, pairs: pairSystem?.matrix };
  }

  assemble(cones: AtomCones, curvature: Float64Array | undefined, shouldStop: () => boolean): boolean {
    const { lines, p, between, diagonal, turns } = this;
    const { rows: L, cols: d, data: x } = lines.unit;
    const q = lines.penalized;
    const { side, inner, upper } = cones;
    const load = curvature === undefined ? undefined : lineCurvature(lines, curvature);
    between.fill(0);
    turns.fill(0);
    /** Coefficients of tau on the shape are 1 at the penalised diagonal entries of U. */
    const trace = Int32Array.from({ length: q }, (_, k) => d + (k * (k + 3)) / 2);
    const cross = new Float64Array(p);
    let both = 0;
    const onU = new Float64Array(L);
    const square = new Float64Array(L);
    const turn = new Float64Array(L);
    const inwards = new Float64Array(L);
    for (let i = 0; i < L; i++) {
      const at = i * d;
      const row = i * p;
      const low = side.z[i] / side.s[i];
      const high = side.z[L + i] / side.s[L + i];
      onU[i] = low + high + (load?.even[i] ?? 0);
      let own = onU[i];
      const t = high - low + (load?.odd[i] ?? 0);
      for (let k = 0; k < d; k++) between[row + k] = t * x[at + k];
      // 2 (q_0 a - q_1'g)^2 - a^2 + ||g||^2, all over eta^2
      const h = i * (1 + q);
      inwards[i] = 1 / (inner.eta[i] * inner.eta[i]);
      const q0 = inner.q[h];
      own += inwards[i] * (2 * q0 * q0 - 1);
      turn[i] = 2 * inwards[i];
      for (let k = 0, e = d; k < d; k++) {
        const qk = k < q ? inner.q[h + 1 + k] : 0;
        for (let l = 0; l <= k; l++, e++) {
          const ql = l < q ? inner.q[h + 1 + l] : 0;
          turns[row + e] = k === l ? qk * x[at + k] : qk * x[at + l] + ql * x[at + k];
        }
      }
      const K = rootForm(upper, i);
      own += K.aa;
      both += K.tt;
      square[i] = K.TT;
      const toTurn = -2 * inwards[i] * q0;
      for (let e = d; e < p; e++) {
        const T = this.squares[row + e];
        between[row + e] += toTurn * turns[row + e] + K.aT * T;
        cross[e] += K.tT * T;
      }
      for (const e of trace) between[row + e] += K.at;
      diagonal[i] = own;
    }
    if (shouldStop()) return false;
    this.shape.clear();
    this.addShapeTerms(cones, onU, inwards, cross, both, trace);
    this.shape.addProduct(true, L, 1, this.squares, square);
    this.shape.addProduct(true, L, 1, turns, turn);
    if (shouldStop()) return false;
    return this.addPairs(trace, shouldStop) && this.addTriangles(trace, shouldStop);
  }

  /** What pairs add to the a-block, to `between` and to the shape once their A are eliminated. False after a stop. */
  private addPairs(trace: Int32Array, shouldStop: () => boolean): boolean {
    const { lifted, place, p, between, shape, pairRows, squares, lines, pairSystem } = this;
    if (pairSystem === undefined) return true;
    const { cols: d, data: x } = lines.unit;
    pairSystem.clear();
    const { matrix, order } = pairSystem;
    const cross = new Float64Array(p);
    const tau = new Float64Array(p);
    for (const e of trace) tau[e] = 1;
    let filled = 0;
    let stopped = false;
    const add = (): void => {
      stopped ||= shouldStop();
      if (!stopped && filled > 0) {
        shape.addProduct(true, filled * pairMoments, 1, pairRows.subarray(0, filled * pairMoments * p));
      }
      filled = 0;
    };
    lifted.reduce(({ i, j }, { halfWidths, between: c, root }) => {
      const [a, b] = [place[i], place[j]];
      matrix[a * (order + 1)] += halfWidths[0];
      matrix[b * (order + 1)] += halfWidths[2];
      matrix[Math.max(a, b) * order + Math.min(a, b)] += halfWidths[1];
      // coefficients of x_i'U x_j on the shape
      for (let k = 0, e = d; k < d; k++) {
        const [xi, xj] = [x[i * d + k], x[j * d + k]];
        for (let l = 0; l < k; l++, e++) cross[e] = xi * x[j * d + l] + xj * x[i * d + l];
        cross[e++] = xi * xj;
      }
      const [ti, tj, row] = [i * p, j * p, filled * pairMoments * p];
      for (let e = d; e < p; e++) {
        const [t0, t1, t2, t3] = [cross[e], squares[ti + e], squares[tj + e], tau[e]];
        between[ti + e] += c[0] * t0 + c[1] * t1 + c[2] * t2 + c[3] * t3;
        between[tj + e] += c[4] * t0 + c[5] * t1 + c[6] * t2 + c[7] * t3;
        pairRows[row + e] = root[0] * t0 + root[4] * t1 + root[8] * t2 + root[12] * t3;
        pairRows[row + p + e] = root[5] * t1 + root[9] * t2 + root[13] * t3;
        pairRows[row + 2 * p + e] = root[10] * t2 + root[14] * t3;
        pairRows[row + 3 * p + e] = root[15] * t3;
      }
      if (++filled === chunk) add();
    });
    add();
    return !stopped;
  }

  /** What triangles add once their b are eliminated. False after a stop. */
  private addTriangles(trace: Int32Array, shouldStop: () => boolean): boolean {
    const { triangles, place, p, between, shape, pairRows, pairSystem, lines } = this;
    if (pairSystem === undefined) return true;
    const { matrix, order } = pairSystem;
    const d = lines.unit.cols;
    const square = new Float64Array(p);
    const room = Math.floor(pairRows.length / (2 * p));
    let filled = 0;
    let stopped = false;
    const add = (): void => {
      stopped ||= shouldStop();
      if (!stopped && filled > 0) shape.addProduct(true, 2 * filled, 1, pairRows.subarray(0, 2 * filled * p));
      filled = 0;
    };
    triangles.reduce(({ triangle, remainder: g, excess, withSquare, withTau, root }) => {
      const among = [triangle.line, ...triangle.others];
      const weights = [1, ...triangle.factors.map((factor) => -Math.abs(factor))];
      for (let k = 0, e = d; k < d; k++) {
        for (let l = 0; l <= k; l++, e++) square[e] = (k === l ? 1 : 2) * g[k] * g[l];
      }
      among.forEach((line, m) => {
        const row = line * p;
        const weight = weights[m];
        for (let e = d; e < p; e++) between[row + e] += weight * withSquare * square[e];
        for (const e of trace) between[row + e] += weight * withTau;
        for (let n = 0; n <= m; n++) {
          const [a, b] = [place[line], place[among[n]]];
          matrix[Math.max(a, b) * order + Math.min(a, b)] += weight * weights[n] * excess;
        }
      });
      const row = 2 * filled * p;
      pairRows.fill(0, row, row + 2 * p);
      for (let e = d; e < p; e++) pairRows[row + e] = root[0] * square[e];
      for (const e of trace) {
        pairRows[row + e] += root[1];
        pairRows[row + p + e] = root[2];
      }
      if (++filled === room) add();
    });
    add();
    return !stopped;
  }

  /** between := (inverse factor of the a-block) between, `diagonal` := square roots of its diagonal where it is diagonal. */
  private eliminate(): boolean {
    const { lines, p, between, diagonal, coupledLines, place, pairSystem, coupledRows } = this;
    const L = lines.unit.rows;
    for (let i = 0; i < L; i++) {
      if (!(diagonal[i] > 0 && diagonal[i] < Infinity)) return false;
      if (place[i] >= 0) continue;
      const root = (diagonal[i] = Math.sqrt(diagonal[i]));
      for (let e = i * p; e < (i + 1) * p; e++) between[e] /= root;
    }
    if (pairSystem === undefined) return true;
    const { matrix, order } = pairSystem;
    coupledLines.forEach((line, k) => {
      matrix[k * order + k] = (matrix[k * order + k] + diagonal[line]) * (1 + 1e-14);
      coupledRows.set(between.subarray(line * p, (line + 1) * p), k * p);
    });
    if (!pairSystem.factor()) return false;
    pairSystem.solveLower(coupledRows, p);
    coupledLines.forEach((line, k) => between.set(coupledRows.subarray(k * p, (k + 1) * p), line * p));
    return true;
  }

  /** Terms of the Schur complement that are no sums of squares over lines: of u, of ||U x||^2, of tau and of the psd cone. */
  private addShapeTerms(
    { side, psd }: AtomCones,
    onU: Float64Array,
    inwards: Float64Array,
    cross: Float64Array,
    both: number,
    trace: Int32Array,
  ): void {
    const { lines, p } = this;
    const { rows: L, cols: d, data: x } = lines.unit;
    const q = lines.penalized;
    const H = this.shape.matrix;
    const N = new Float64Array(d * d);
    for (let i = 0; i < L; i++) {
      for (let k = 0; k < d; k++) {
        const u = onU[i] * x[i * d + k];
        const g = inwards[i] * x[i * d + k];
        for (let l = 0; l <= k; l++) {
          H[k * p + l] += u * x[i * d + l];
          N[k * d + l] += g * x[i * d + l];
        }
      }
    }
    const index = (k: number, l: number): number => (k >= l ? d + (k * (k + 1)) / 2 + l : d + (l * (l + 1)) / 2 + k);
    // ||P U x||^2 summed: for each penalised row of U its form N
    for (let a = 0; a < q; a++) {
      for (let k = 0; k < d; k++) {
        for (let l = 0; l < d; l++) {
          const [e, f] = [index(a, k), index(a, l)];
          if (e >= f) H[e * p + f] += k >= l ? N[k * d + l] : N[l * d + k];
        }
      }
    }
    const lower = (e: number, f: number, value: number): void => {
      if (e >= f) H[e * p + f] += value;
      else H[f * p + e] += value;
    };
    for (const e of trace) {
      for (const f of trace) if (e >= f) H[e * p + f] += both;
      for (let f = d; f < p; f++) if (cross[f] !== 0) lower(e, f, e === f ? 2 * cross[f] : cross[f]);
    }
    if (q < d) {
      const weight = side.z[2 * L] / side.s[2 * L];
      for (const e of trace) {
        for (const f of trace) if (e >= f) H[e * p + f] += weight;
        lower(e, p - 1, -weight);
      }
      H[p * p - 1] += weight;
    }
    this.addPsd(psd.Q);
  }

  /** tr(Q A Q B) over pairs of basis matrices A, B of [tau u'; u U] with tau = tr U over penalised coordinates. */
  private addPsd(Q: Float64Array): void {
    const { lines, p } = this;
    const d = lines.unit.cols;
    const q = lines.penalized;
    const H = this.shape.matrix;
    const n = d + 1;
    const first = new Int32Array(p);
    const second = new Int32Array(p);
    const traced = new Uint8Array(p);
    for (let k = 0; k < d; k++) first[k] = k + 1;
    for (let k = 0, e = d; k < d; k++) {
      for (let l = 0; l <= k; l++, e++) {
        first[e] = k + 1;
        second[e] = l + 1;
        traced[e] = k === l && k < q ? 1 : 0;
      }
    }
    const corner = Q[0] * Q[0];
    for (let e = 0; e < p; e++) {
      const [a, b] = [first[e], second[e]];
      const se = a === b ? 1 : 2;
      for (let f = 0; f <= e; f++) {
        const c = first[f];
        const g = second[f];
        const sf = c === g ? 1 : 2;
        let value = 0.5 * se * sf * (Q[a * n + c] * Q[b * n + g] + Q[a * n + g] * Q[b * n + c]);
        if (traced[e] === 1) value += sf * Q[c] * Q[g];
        if (traced[f] === 1) {
          value += se * Q[a] * Q[b];
          if (traced[e] === 1) value += corner;
        }
        H[e * p + f] += value;
      }
    }
  }

  /** Takes the products of pairs and the b of triangles on the right-hand side y over to the rest. */
  reduceRight(y: Float64Array): void {
    const { lines, lifted, triangles, pairSystem } = this;
    if (pairSystem === undefined) return;
    const { rows: L, cols: d } = lines.unit;
    const R = new Float64Array(L * d);
    const G = new Float64Array(d * d);
    const tau = lifted.reduceRight(y, R) + triangles.reduceRight(y, G);
    addShapeAdjoint(lines, R, G, tau, y);
  }

  /** The products of pairs and the b of triangles once u, U and a in y are known. */
  recoverPairs(y: Float64Array): void {
    const { lines, lifted, triangles, pairSystem } = this;
    if (pairSystem === undefined) return;
    const { rows: L, cols: d } = lines.unit;
    const U = momentMatrix(y, d, new Float64Array(d * d));
    const XU = new Float64Array(L * d);
    const squares = new Float64Array(L);
    momentsAlong(lines.unit, U, XU, squares);
    let tau = 0;
    for (let k = 0; k < lines.penalized; k++) tau += U[k * (d + 1)];
    lifted.solve(y, XU, squares, tau);
    triangles.solve(y, U, tau);
  }

  solve(y: Float64Array): void {
    const { lines, p, between, diagonal, coupledLines, place, pairSystem } = this;
    const L = lines.unit.rows;
    this.reduceRight(y);
    const coupled = Float64Array.from(coupledLines, (line) => y[p + line]);
    pairSystem?.solveLower(coupled);
    for (let i = 0; i < L; i++) y[p + i] = place[i] >= 0 ? coupled[place[i]] : y[p + i] / diagonal[i];
    const top = y.slice(0, p);
    for (let i = 0; i < L; i++) {
      const value = y[p + i];
      if (value !== 0) for (let e = 0, at = i * p; e < p; e++) top[e] -= value * between[at + e];
    }
    this.shape.solve(top);
    y.set(top);
    for (let i = 0; i < L; i++) {
      let s = 0;
      for (let e = 0, at = i * p; e < p; e++) s += between[at + e] * top[e];
      y[p + i] -= s;
    }
    coupledLines.forEach((line, k) => (coupled[k] = y[p + line]));
    pairSystem?.solveUpper(coupled);
    for (let i = 0; i < L; i++) y[p + i] = place[i] >= 0 ? coupled[place[i]] : y[p + i] / diagonal[i];
    this.recoverPairs(y);
  }
}

/** Factors; where rounding has made the matrix indefinite, with a small multiple of its diagonal added. */
export function factorShifted(system: SymmetricSystem): boolean {
  const p = system.order;
  const copy = system.matrix.slice();
  let largest = 0;
  for (let k = 0; k < p; k++) largest = Math.max(largest, copy[k * p + k]);
  for (let shift = 0; shift < 1e-6; shift = shift === 0 ? 1e-14 : 100 * shift) {
    const matrix = system.matrix;
    if (shift > 0) {
      matrix.set(copy);
      for (let k = 0; k < p; k++) matrix[k * p + k] += shift * (largest * 1e-6 + copy[k * p + k]);
    }
    if (system.factor()) return true;
  }
  return false;
}

/** y += the gradient on the shape of sum R_i'U x_i + tr(G U) + weight tau, for R (L x d); G (d x d) is used up. */
function addShapeAdjoint(
  { unit, penalized }: UnitLines,
  R: Float64Array,
  G: Float64Array,
  weight: number,
  y: Float64Array,
): void {
  const { rows: L, cols: d, data: x } = unit;
  for (let i = 0; i < L; i++) {
    for (let k = 0; k < d; k++) {
      const r = R[i * d + k];
      if (r !== 0) for (let l = 0; l < d; l++) G[k * d + l] += r * x[i * d + l];
    }
  }
  for (let k = 0; k < penalized; k++) G[k * (d + 1)] += weight;
  for (let k = 0, e = d; k < d; k++) {
    for (let l = 0; l <= k; l++, e++) y[e] += k === l ? G[k * d + k] : G[k * d + l] + G[l * d + k];
  }
}

/** For each line the sums over its rows of length^2 curvature / 4, and the same with sides. */
function lineCurvature(lines: UnitLines, curvature: Float64Array): { even: Float64Array; odd: Float64Array } {
  const even = new Float64Array(lines.unit.rows);
  const odd = new Float64Array(lines.unit.rows);
  for (let i = 0; i < lines.line.length; i++) {
    const l = lines.line[i];
    if (l < 0) continue;
    const value = 0.25 * lines.length[i] ** 2 * curvature[i];
    even[l] += value;
    odd[l] += lines.side[i] * value;
  }
  return { even, odd };
}

/** Coefficients of x'U x on (u, lower triangle of U) for each row x. */
function squaresOf(x: Float64Array, rows: number, d: number): Float64Array {
  const p = d + (d * (d + 1)) / 2;
  const out = new Float64Array(rows * p);
  for (let i = 0; i < rows; i++) {
    for (let k = 0, at = i * p + d; k < d; k++) {
      for (let l = 0; l <= k; l++, at++) out[at] = (k === l ? 1 : 2) * x[i * d + k] * x[i * d + l];
    }
  }
  return out;
}
