import { untilInterrupted } from '../../base/kernels/interrupt.ts';
import { type EngineResult, type EngineRun, type EngineState, type GatedProgram } from './program.ts';
import { createBestPair } from './bestPair.ts';
import { operatorNormSquared } from './operatorNorm.ts';

/**
 * Accelerated proximal gradient (FISTA, Beck and Teboulle 2009) with the gradient restart of O'Donoghue and Candes 2015 and
 * a step size by backtracking: the first-order twin of the Newton engine, for smooth losses.
 *
 * The fit is linear in the blocks, so that the fit at the extrapolated point is the extrapolation of fits already known; for squared
 * loss the gradient is affine, too. One forward and one adjoint product per iteration is then all that objective, step
 * test, gap and next gradient need.
 */
export function solveAccelerated(program: GatedProgram, start: EngineState, run: EngineRun): EngineResult {
  const { rows: n, features: d, outputs: c, gates: P, datafit, penalty, beta, operator } = program;
  const length = P * d * c;
  const affine = datafit.quadratic;
  const buffer = (size: number) => new Float64Array(size);
  let [U, before, next] = [Float64Array.from(start.U), Float64Array.from(start.U), buffer(length)];
  const at = buffer(length);
  let [fit, fitBefore, fitNext] = [buffer(n * c), buffer(n * c), buffer(n * c)];
  const fitAt = buffer(n * c);
  let [T, TBefore] = [buffer(length), buffer(length)];
  const TAt = buffer(length);
  const V = buffer(n * c);
  const sizes = buffer(P * penalty.groups);
  const best = createBestPair(program, start);

  operator.forward(U, c, fit);
  fitBefore.set(fit);
  let penaltyValue = penalty.value(U, P);
  let active = 0;

  const dualOf = (fits: Float64Array, out: Float64Array): void => {
    datafit.dualPoint(fits, V);
    operator.adjoint(V, c, out);
  };
  dualOf(fit, T);
  TBefore.set(T);
  let gap = best.offer(fit, U, penaltyValue, V, T);

  let lipschitz = Math.max(datafit.lipschitz * operatorNormSquared(program, 8, run), 1e-300);
  let theta = 1;
  let iteration = 0;
  const finish = (status: EngineResult['status']): EngineResult =>
    best.result(status, iteration, 'accelerated proximal gradient with restart');
  const iterate = (): EngineResult => {
    for (; ; iteration++) {
      if (gap <= run.tolerance) return finish('optimal');
      if (run.shouldStop()) return finish('stopped');
      if (iteration >= run.maxIterations) return finish('iteration-limit');
      const thetaNext = (1 + Math.sqrt(1 + 4 * theta * theta)) / 2;
      const momentum = (theta - 1) / thetaNext;
      for (let i = 0; i < length; i++) at[i] = U[i] + momentum * (U[i] - before[i]);
      for (let i = 0; i < n * c; i++) fitAt[i] = fit[i] + momentum * (fit[i] - fitBefore[i]);
      if (affine) for (let i = 0; i < length; i++) TAt[i] = T[i] + momentum * (T[i] - TBefore[i]);
      else dualOf(fitAt, TAt);
      if (run.shouldStop()) return finish('stopped');

      for (;;) {
        for (let i = 0; i < length; i++) next[i] = at[i] + TAt[i] / lipschitz;
        penaltyValue = penalty.prox(next, P, beta / lipschitz, next, sizes);
        active = forwardActive(program, next, fitNext);
        let moved = 0;
        for (let i = 0; i < length; i++) moved += (next[i] - at[i]) * (next[i] - at[i]);
        let changed = 0;
        for (let i = 0; i < n * c; i++) changed += (fitNext[i] - fitAt[i]) * (fitNext[i] - fitAt[i]);
        if (datafit.lipschitz * changed <= lipschitz * moved * (1 + 1e-10) || moved === 0 || run.shouldStop()) break;
        lipschitz *= 1.25;
      }
      let turn = 0;
      for (let i = 0; i < length; i++) turn += (at[i] - next[i]) * (next[i] - U[i]);
      [before, U, next] = [U, next, before];
      [fitBefore, fit, fitNext] = [fit, fitNext, fitBefore];
      theta = turn > 0 ? 1 : thetaNext;
      if (turn > 0) {
        // a restart also drops the momentum already stored
        before.set(U);
        fitBefore.set(fit);
      }
      if (run.shouldStop()) continue;
      if (affine) {
        [TBefore, T] = [T, TBefore];
        dualOf(fit, T);
        if (turn > 0) TBefore.set(T);
        gap = best.offer(fit, U, penaltyValue, V, T);
      } else if (iteration % 10 === 9) {
        dualOf(fit, T);
        gap = best.offer(fit, U, penaltyValue, V, T);
      }
      lipschitz *= 0.995;
      if (iteration % 10 === 9) {
        run.report(iteration + 1, best.objective, best.dualBound, active, 'proximal gradient step');
      }
    }
  };
  return untilInterrupted(iterate, () => finish('stopped'));
}

/** fit := sum over non-zero blocks; returns how many there are. */
export function forwardActive(program: GatedProgram, U: Float64Array, fit: Float64Array): number {
  const { gates: P, features: d, outputs: c, operator } = program;
  const size = d * c;
  const active: number[] = [];
  for (let p = 0; p < P; p++) {
    for (let i = p * size; i < (p + 1) * size; i++) {
      if (U[i] !== 0) {
        active.push(p);
        break;
      }
    }
  }
  const blocks = new Float64Array(active.length * size);
  active.forEach((p, k) => blocks.set(U.subarray(p * size, (p + 1) * size), k * size));
  operator.forward(blocks, c, fit, Int32Array.from(active));
  return active.length;
}
