import { forwardActive } from './accelerated.ts';
import { createBestPair } from './bestPair.ts';
import { operatorNormSquared } from './operatorNorm.ts';
import { untilInterrupted } from '../../base/kernels/interrupt.ts';
import { type EngineResult, type EngineRun, type EngineState, type GatedProgram } from './program.ts';

/**
 * Primal-dual hybrid gradient (Chambolle and Pock 2011), the first-order twin for the hinge loss, which has no gradient. Step sizes
 * are rebalanced when one side moves much more than the other (Goldstein, Li, Yuan 2015).
 */
export function solvePrimalDual(program: GatedProgram, start: EngineState, run: EngineRun): EngineResult {
  const { rows: n, features: d, outputs: c, gates: P, datafit, penalty, beta, operator } = program;
  const length = P * d * c;
  const U = start.U.slice();
  const next = new Float64Array(length);
  const V = start.V.slice();
  datafit.projectDual(V);
  const T = new Float64Array(length);
  const TNext = new Float64Array(length);
  const [fit, fitNext, Z, F] = Array.from({ length: 4 }, () => new Float64Array(n * c));
  const scaled = new Float64Array(n * c);
  const sizes = new Float64Array(P * penalty.groups);
  const best = createBestPair(program, { U, V });
  const operatorNorm = 1.02 * Math.sqrt(operatorNormSquared(program, 60, run));
  let balance = 1;
  let adaptivity = 0.5;
  let iteration = 0;
  let gap = Infinity;
  operator.forward(U, c, fit);
  operator.adjoint(V, c, T);
  gap = best.offer(fit, U, penalty.value(U, P), V, T);
  const finish = (status: EngineResult['status']): EngineResult =>
    best.result(status, iteration, 'primal-dual hybrid gradient');
  const iterate = (): EngineResult => {
    for (; ; iteration++) {
      if (gap <= run.tolerance) return finish('optimal');
      if (run.shouldStop()) return finish('stopped');
      if (iteration >= run.maxIterations) return finish('iteration-limit');
      const tau = balance / operatorNorm;
      const sigma = 1 / (balance * operatorNorm);
      for (let i = 0; i < length; i++) next[i] = U[i] + tau * T[i];
      const penaltyValue = penalty.prox(next, P, tau * beta, next, sizes);
      const active = forwardActive(program, next, fitNext);
      // -V := prox of sigma l* at -V + sigma A(2 next - U), by Moreau from the prox of l
      let dualMoved = 0;
      for (let i = 0; i < n * c; i++) Z[i] = -V[i] / sigma + 2 * fitNext[i] - fit[i];
      datafit.prox(Z, 1 / sigma, F);
      for (let i = 0; i < n * c; i++) {
        const v = -sigma * (Z[i] - F[i]);
        scaled[i] = v - V[i];
        V[i] = v;
      }
      datafit.projectDual(V);
      operator.adjoint(V, c, TNext);
      let primal = 0;
      for (let i = 0; i < length; i++) {
        primal += Math.abs((U[i] - next[i]) / tau + (TNext[i] - T[i]));
        U[i] = next[i];
        T[i] = TNext[i];
      }
      for (let i = 0; i < n * c; i++) {
        dualMoved += Math.abs(scaled[i] / sigma + (fitNext[i] - fit[i]));
        fit[i] = fitNext[i];
      }
      gap = best.offer(fit, U, penaltyValue, V, T);
      if (primal > 2 * dualMoved) {
        balance *= 1 + adaptivity;
        adaptivity *= 0.97;
      } else if (dualMoved > 2 * primal) {
        balance /= 1 + adaptivity;
        adaptivity *= 0.97;
      }
      if (iteration % 10 === 9) run.report(iteration + 1, best.objective, best.dualBound, active, 'primal-dual step');
    }
  };
  return untilInterrupted(iterate, () => finish('stopped'));
}
