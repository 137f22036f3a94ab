import type { Datafit } from '../../problem/datafits/datafit.ts';

/**
 * Makes every column of the dual point V that belongs to the fit F sum to zero (what a free offset asks of it), in place and within the domain of the
 * conjugate: moved most where the loss is most curved, which costs the dual value least, and by scaling where that would leave the domain.
 */
export function balanceDual(datafit: Datafit, F: Float64Array, V: Float64Array): void {
  const moved = V.slice();
  if (shiftByCurvature(datafit, F, moved) && datafit.dualValue(moved) > -Infinity) V.set(moved);
  datafit.balanceDual(V);
}

/** Newton steps of the offset, as they show in V. False when the loss is not curved anywhere. */
function shiftByCurvature(datafit: Datafit, F: Float64Array, V: Float64Array): boolean {
  const { rows: n, outputs: c } = datafit;
  const H = new Float64Array(n * c * c);
  datafit.hessian(F, H);
  // rows share the correction in proportion to their smallest curvature, the same for all outputs, so that rows keep their sums
  const weight = new Float64Array(n);
  let total = 0;
  for (let i = 0; i < n; i++) {
    let least = Infinity;
    for (let o = 0; o < c; o++) least = Math.min(least, H[(i * c + o) * c + o]);
    weight[i] = least;
    total += least;
  }
  if (!(total > 0)) return false;
  for (let round = 0; round < 3; round++) {
    const sums = new Float64Array(c);
    for (let i = 0; i < n * c; i++) sums[i % c] += V[i];
    for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) V[i * c + o] -= (sums[o] * weight[i]) / total;
  }
  return true;
}

/** F := the best constant fit (a look for a stop before each way through it), by damped Newton steps, or by bisection of the slope where the curvature may vanish. */
export function fitConstant(datafit: Datafit, F: Float64Array, poll: () => void = () => undefined): Float64Array {
  const { rows: n, outputs: c } = datafit;
  const offset = new Float64Array(c);
  if (!datafit.curved && datafit.separable) {
    for (let o = 0; o < c; o++) offset[o] = bestConstant(datafit.ofOutput(o), poll);
    for (let i = 0; i < n * c; i++) F[i] = offset[i % c];
    return offset;
  }
  const G = new Float64Array(n * c);
  const H = new Float64Array(n * c * c);
  for (let round = 0; round < 200; round++) {
    poll();
    for (let i = 0; i < n * c; i++) F[i] = offset[i % c];
    datafit.gradient(F, G);
    datafit.hessian(F, H);
    // coordinate-wise Newton on a majorant: the diagonal of the summed Hessian times the number of outputs that couple
    let size = 0;
    for (let o = 0; o < c; o++) {
      let g = 0;
      let h = 0;
      for (let i = 0; i < n; i++) {
        g += G[i * c + o];
        h += H[(i * c + o) * c + o];
      }
      const step = h > 0 ? Math.max(-1, Math.min(1, g / h / (datafit.separable ? 1 : 2))) : 0;
      offset[o] -= datafit.quadratic ? g / h : step;
      size = Math.max(size, Math.abs(step));
    }
    if (size <= 1e-15) break;
  }
  for (let i = 0; i < n * c; i++) F[i] = offset[i % c];
  return offset;
}

/** A minimiser of l(t 1) for one output: the slope is monotone in t. 0 where the loss has no minimum on the way to 1e150. */
function bestConstant(datafit: Datafit, poll: () => void): number {
  const F = new Float64Array(datafit.rows);
  const G = new Float64Array(datafit.rows);
  const slope = (t: number): number => {
    poll();
    datafit.gradient(F.fill(t), G);
    return G.reduce((a, b) => a + b, 0);
  };
  const sign = -Math.sign(slope(0));
  if (sign === 0) return 0;
  let [low, high] = [0, 1];
  for (; sign * slope(sign * high) < 0; high *= 2) if (high > 1e150) return 0;
  for (let k = 0; k < 200; k++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (sign * slope(sign * middle) < 0) low = middle;
    else high = middle;
  }
  return sign * high;
}
