import { factorSpd, solveSpd } from '../../base/linalg/cholesky.ts';
import { type DenseMatrix, dot } from '../../base/linalg/matrix.ts';
import type { FieldPoint } from './logisticField.ts';

/** Rows whose weight is this small relative to the largest do not make the flow stiff. */
const leastWeight = 1e-9;
/** More rows than this at once: the linear system costs more than the steps it saves. */
const mostStiffRows = 600;

/**
 * The stiff part of the field -grad log L of a network: with margins q(theta), Jacobian J = dq / dtheta and the Hessian H of log L as a function
 * of q, its derivative is -J'H J up to terms that stay bounded while H grows with the margins. This solves (I + c J'H J) k = F
 * through the kernel J J' of the rows that carry weight (Woodbury): H = B (I - u u') B with B = diag(sqrt(p sigmoid(q))), and u the unit
 * vector along sqrt(p / sigmoid(q)), which makes H positive semidefinite and is exact for the exponential tail. `bases` are directions the weights of
 * each neuron cannot move in.
 */
export class StiffPart {
  private readonly root: Float64Array;
  private readonly u: Float64Array;
  private readonly kernel: Float64Array;
  private readonly system: Float64Array;
  private factored = -1;
  /** Weights of all rows at the end of the last `solve`: what p relaxes to within the step. */
  readonly relaxed: Float64Array;

  /** At theta and what `logisticField` found there; undefined when too many rows carry weight. */
  static at(
    X: DenseMatrix,
    y: Float64Array,
    theta: Float64Array,
    at: FieldPoint,
    bases: readonly (readonly Float64Array[])[],
  ): StiffPart | undefined {
    let top = 0;
    for (let i = 0; i < X.rows; i++) top = Math.max(top, at.p[i]);
    const rows: number[] = [];
    for (let i = 0; i < X.rows; i++) if (at.p[i] > leastWeight * top) rows.push(i);
    return rows.length > mostStiffRows ? undefined : new StiffPart(X, y, theta, at, bases, rows);
  }

  private constructor(
    private readonly X: DenseMatrix,
    private readonly y: Float64Array,
    private readonly theta: Float64Array,
    private readonly at: FieldPoint,
    private readonly bases: readonly (readonly Float64Array[])[],
    private readonly rows: readonly number[],
  ) {
    const m = bases.length;
    const d = X.cols;
    const r = this.rows.length;
    this.relaxed = at.p.slice();
    this.root = new Float64Array(r);
    this.u = new Float64Array(r);
    let square = 0;
    this.rows.forEach((i, c) => {
      const active = 1 / (1 + Math.exp(-at.q[i]));
      this.root[c] = Math.sqrt(at.p[i] * active);
      this.u[c] = Math.sqrt(at.p[i] / active);
      square += this.u[c] ** 2;
    });
    for (let c = 0; c < r; c++) this.u[c] /= Math.sqrt(square);

    // sum_j a_j^2 s_ij s_kj and sum_j (x_i'w_j)_+ (x_k'w_j)_+ over neurons.
    const back = new Float64Array(r * m);
    const forward = new Float64Array(r * m);
    this.rows.forEach((i, c) => {
      for (let j = 0; j < m; j++) {
        const h = at.H[i * m + j];
        if (!(h > 0)) continue;
        back[c * m + j] = theta[m * d + j];
        forward[c * m + j] = h;
      }
    });
    const sliding = bases.flatMap((basis, j) =>
      basis.map((q) => ({
        j,
        parts: Float64Array.from(this.rows, (i) => dot(q, X.data.subarray(i * d, (i + 1) * d))),
      })),
    );
    this.kernel = new Float64Array(r * r);
    for (let c = 0; c < r; c++) {
      const one = this.rows[c] * d;
      for (let e = 0; e <= c; e++) {
        const two = this.rows[e] * d;
        let product = 0;
        for (let k = 0; k < d; k++) product += X.data[one + k] * X.data[two + k];
        let both = 0;
        let value = 0;
        for (let j = 0; j < m; j++) {
          both += back[c * m + j] * back[e * m + j];
          value += forward[c * m + j] * forward[e * m + j];
        }
        value += both * product;
        for (const { j, parts } of sliding) value -= back[c * m + j] * back[e * m + j] * parts[c] * parts[e];
        value *= y[this.rows[c]] * y[this.rows[e]] * this.root[c] * this.root[e];
        this.kernel[c * r + e] = this.kernel[e * r + c] = value;
      }
    }
    project(this.kernel, this.u);
    this.system = new Float64Array(r * r);
  }

  /** F := (I + c J'H J)^-1 F. */
  solve(F: Float64Array, c: number): void {
    const { rows, u, root, X, at, theta, y, bases } = this;
    const r = rows.length;
    const d = X.cols;
    const m = bases.length;
    if (this.factored !== c) {
      for (let k = 0; k < r * r; k++) this.system[k] = c * this.kernel[k];
      for (let k = 0; k < r; k++) this.system[k * r + k] += 1;
      factorSpd(this.system, r);
      this.factored = c;
    }
    const z = Float64Array.from(rows, (i, e) => {
      let s = 0;
      for (let j = 0; j < m; j++) {
        const h = at.H[i * m + j];
        if (!(h > 0)) continue;
        let product = 0;
        for (let k = 0; k < d; k++) product += X.data[i * d + k] * F[j * d + k];
        s += h * F[m * d + j] + theta[m * d + j] * product;
      }
      return root[e] * y[i] * s;
    });
    const off = dot(u, z);
    for (let e = 0; e < r; e++) z[e] -= off * u[e];
    solveSpd(this.system, r, z);
    const again = dot(u, z);
    // F - c J'B (I - u u') z, with J' projected off the directions that are not free.
    const step = new Float64Array(m * d);
    rows.forEach((i, e) => {
      const less = c * root[e] * (z[e] - again * u[e]);
      this.relaxed[i] = at.p[i] - less;
      const force = less * y[i];
      for (let j = 0; j < m; j++) {
        const h = at.H[i * m + j];
        if (!(h > 0)) continue;
        F[m * d + j] -= force * h;
        const weight = force * theta[m * d + j];
        for (let k = 0; k < d; k++) step[j * d + k] += weight * X.data[i * d + k];
      }
    });
    bases.forEach((basis, j) => {
      const part = step.subarray(j * d, (j + 1) * d);
      for (const q of basis) {
        const s = dot(q, part);
        for (let k = 0; k < d; k++) part[k] -= s * q[k];
      }
    });
    for (let k = 0; k < m * d; k++) F[k] -= step[k];
  }
}

/** K := (I - u u') K (I - u u') for a symmetric r x r matrix and a unit vector u. */
function project(K: Float64Array, u: Float64Array): void {
  const r = u.length;
  const Ku = Float64Array.from({ length: r }, (_, c) => dot(K.subarray(c * r, (c + 1) * r), u));
  const uKu = dot(u, Ku);
  for (let c = 0; c < r; c++) {
    for (let e = 0; e < r; e++) K[c * r + e] += u[c] * u[e] * uKu - Ku[c] * u[e] - u[c] * Ku[e];
  }
}
