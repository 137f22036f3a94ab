import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import type { MlpShape } from '../../descent/mlp.ts';

/** kappa_0(rho) = (pi - arccos rho) / pi = 2 E[1(u > 0) 1(v > 0)] for unit Gaussians with correlation rho (Cho and Saul 2009). */
export function arcCosine0(angle: number): number {
  return (Math.PI - angle) / Math.PI;
}

/** kappa_1 = (sin + (pi - angle) cos) / pi = 2 E[(u)_+ (v)_+] for unit Gaussians at that angle (Cho and Saul 2009). */
export function arcCosine1(angle: number): number {
  return (Math.sin(angle) + (Math.PI - angle) * Math.cos(angle)) / Math.PI;
}

/** Angle between two rows, accurate also for nearly parallel ones (Kahan: 2 atan2(|a - b|, |a + b|) of the unit vectors). */
function angleOfRows(X: DenseMatrix, i: number, j: number, norms: Float64Array): number {
  const d = X.cols;
  let minus = 0;
  let plus = 0;
  for (let k = 0; k < d; k++) {
    const a = X.data[i * d + k] / norms[i];
    const b = X.data[j * d + k] / norms[j];
    minus += (a - b) * (a - b);
    plus += (a + b) * (a + b);
  }
  return 2 * Math.atan2(Math.sqrt(minus), Math.sqrt(plus));
}

/** 1 - rho below this is rounding of rho itself. */
const correlationRounding = 1e-15;

function angleOfCorrelation(rho: number): number {
  if (rho >= 1 - correlationRounding) return 0;
  if (rho <= -1 + correlationRounding) return Math.PI;
  return Math.acos(rho);
}

/**
 * E[phi(u) phi(v)] and E[phi'(u) phi'(v)] for centred Gaussians with variances a, b and covariance c.
 * ReLU: Cho and Saul 2009; erf: Williams 1997.
 */
function expectations(
  activation: MlpShape['activation'],
  a: number,
  b: number,
  c: number,
  angle: number,
): readonly [number, number] {
  if (activation === 'relu') {
    return [0.5 * Math.sqrt(a * b) * arcCosine1(angle), a > 0 && b > 0 ? 0.5 * arcCosine0(angle) : 0];
  }
  const scale = Math.sqrt((1 + 2 * a) * (1 + 2 * b));
  const ratio = Math.max(-1, Math.min(1, (2 * c) / scale));
  // (1 + 2a)(1 + 2b) - 4c^2 > 0 because c^2 <= ab.
  return [(2 / Math.PI) * Math.asin(ratio), 4 / Math.PI / Math.sqrt((1 + 2 * a) * (1 + 2 * b) - 4 * c * c)];
}

/**
 * The tangent kernel (n x n) of a network of this shape in NTK parametrisation as all widths go to infinity (Jacot, Gabriel, Hongler
 * 2018): with S the covariance of the pre-activations and T the kernel of one layer,
 *     S_1 = T_1 = s_in^2 x.x' + s_b^2,   S' = s_w^2 E[phi phi] + s_b^2,   T' = S' + T s_w^2 E[phi' phi'],
 * the output layer having no bias. The widths in `shape.hidden` do not matter, only their number.
 */
export function limitKernel(shape: MlpShape, X: DenseMatrix): DenseMatrix {
  const n = X.rows;
  const d = X.cols;
  const { activation, weightScale, inputScale } = shape;
  const w2 = weightScale * weightScale;
  const b2 = shape.biasScale * shape.biasScale;
  const in2 = inputScale * inputScale;
  const depth = shape.hidden.length;
  const norms = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let s = 0;
    for (let k = 0; k < d; k++) s += X.data[i * d + k] * X.data[i * d + k];
    norms[i] = Math.sqrt(s);
  }
  // Variances of the pre-activations of every hidden layer.
  const variance = new Float64Array(depth * n);
  for (let i = 0; i < n; i++) {
    let a = in2 * norms[i] * norms[i] + b2;
    for (let l = 0; l < depth; l++) {
      variance[l * n + i] = a;
      a = w2 * expectations(activation, a, a, a, 0)[0] + b2;
    }
  }
  const out = denseMatrix(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let inner = 0;
      for (let k = 0; k < d; k++) inner += X.data[i * d + k] * X.data[j * d + k];
      let S = in2 * inner + b2;
      let T = S;
      for (let l = 0; l < depth; l++) {
        const a = variance[l * n + i];
        const b = variance[l * n + j];
        const exact = l === 0 && b2 === 0 && norms[i] > 0 && norms[j] > 0;
        const angle =
          i === j
            ? 0
            : exact
              ? angleOfRows(X, i, j, norms)
              : angleOfCorrelation(a > 0 && b > 0 ? S / Math.sqrt(a * b) : 0);
        const [value, slope] = expectations(activation, a, b, S, angle);
        S = w2 * value + (l < depth - 1 ? b2 : 0);
        T = S + T * w2 * slope;
      }
      out.data[i * n + j] = out.data[j * n + i] = T;
    }
  }
  return out;
}
