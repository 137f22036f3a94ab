import type { Datafit } from '../../problem/datafit.ts';

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

/** F := the best constant fit, by damped Newton steps. */
export function fitConstant(datafit: Datafit, F: Float64Array): Float64Array {
  const { rows: n, outputs: c } = datafit;
  const offset = new Float64Array(c);
  const G = new Float64Array(n * c);
  const H = new Float64Array(n * c * c);
  for (let round = 0; round < 200; round++) {
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
      offset[o] -= datafit.name === 'squared' ? g / h : step;
      size = Math.max(size, Math.abs(step));
    }
    if (size <= 1e-15) break;
  }
  for (let i = 0; i < n * c; i++) F[i] = offset[i % c];
  return offset;
}
