import type { Datafit } from '../../problem/datafits/datafit.ts';

/**
 * The loss as the interior point of the relaxation takes it, whose steps are bounded by cones alone: it asks for a curvature that says how far a step may go.
 * Losses that are curved everywhere are as they are. A dual point of what comes back is one of the loss itself.
 */
export function relaxedLoss(datafit: Datafit): Datafit {
  if (datafit.curved) return datafit;
  return datafit.smooth ? withSecantCurvature(datafit) : rounded(datafit);
}

/**
 * A loss of residuals that is linear far out (Huber's), with slope over residual for its second derivative: the curvature of the parabola that touches the loss
 * there and lies above it (the weight of iteratively reweighted least squares), where its own is zero beyond delta and lets a step go anywhere.
 */
function withSecantCurvature(datafit: Datafit): Datafit {
  const { rows, outputs, lipschitz } = datafit;
  const least = new Float64Array(rows * outputs);
  datafit.fitOfDual(new Float64Array(least.length), least);
  const slopes = new Float64Array(least.length);
  return {
    ...datafit,
    hessian: (F, H) => {
      datafit.gradient(F, slopes);
      H.fill(0);
      for (let i = 0; i < F.length; i++) {
        const residual = F[i] - least[i];
        H[i * outputs + (i % outputs)] = residual === 0 ? lipschitz : slopes[i] / residual;
      }
    },
  };
}

/** The hinge loss with its corner rounded: -l*(-v) less width ||v||^2 / 2, twice differentiable almost everywhere. */
function rounded(datafit: Datafit): Datafit {
  const width = 1e-2;
  const zero = new Float64Array(datafit.rows * datafit.outputs);
  const labels = new Float64Array(zero.length);
  datafit.gradient(zero, labels);
  // gradient at 0 is -y
  const violation = (F: Float64Array, i: number): number => Math.max(0, Math.min(1, (1 + labels[i] * F[i]) / width));
  return {
    ...datafit,
    smooth: true,
    value: (F) => {
      let s = 0;
      for (let i = 0; i < F.length; i++) {
        const p = violation(F, i);
        s += p * (1 + labels[i] * F[i]) - (width * p * p) / 2;
      }
      return s;
    },
    gradient: (F, G) => {
      for (let i = 0; i < F.length; i++) G[i] = labels[i] * violation(F, i);
    },
    hessian: (F, H) => {
      H.fill(0);
      const c = datafit.outputs;
      for (let i = 0; i < F.length; i++) {
        const p = violation(F, i);
        const row = Math.floor(i / c);
        H[(row * c + (i % c)) * c + (i % c)] = p > 0 && p < 1 ? 1 / width : 0;
      }
    },
    dualPoint: (F, V) => {
      for (let i = 0; i < F.length; i++) V[i] = -labels[i] * violation(F, i);
    },
  };
}
