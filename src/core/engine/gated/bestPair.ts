import { relativeGap } from '../../problem/gap.ts';
import type { EngineResult, EngineState, GatedProgram } from './program.ts';

/** The best primal point and the best dual point that an engine has seen. */
export interface BestPair {
  readonly objective: number;
  readonly dualBound: number;
  /**
   * Judges blocks U (fit F = A U, value of their penalty) and a dual point V (T = A' V), which is scaled into the dual constraint. Gives
   * the relative gap of the best pair.
   */
  offer(F: Float64Array, U: Float64Array, penaltyValue: number, V: Float64Array, T: Float64Array): number;
  result(status: EngineResult['status'], iterations: number, method: string): EngineResult;
}

export function createBestPair(program: GatedProgram, start: Pick<EngineState, 'U' | 'V'>): BestPair {
  const { gates, datafit, penalty, beta } = program;
  const U = start.U.slice();
  const V = start.V.slice();
  const scaled = new Float64Array(V.length);
  const sizes = new Float64Array(gates * penalty.groups);
  let objective = Infinity;
  let dualBound = -Infinity;
  return {
    get objective() {
      return objective;
    },
    get dualBound() {
      return dualBound;
    },
    offer(F, blocks, penaltyValue, dual, T) {
      const value = datafit.value(F) + beta * penaltyValue;
      if (value < objective) {
        objective = value;
        U.set(blocks);
      }
      const t = Math.min(1, beta / penalty.dualNorms(T, gates, sizes));
      for (let i = 0; i < scaled.length; i++) scaled[i] = t * dual[i];
      const bound = datafit.dualValue(scaled);
      if (bound > dualBound) {
        dualBound = bound;
        V.set(dual);
      }
      return relativeGap(objective, dualBound);
    },
    result: (status, iterations, method) => ({ status, U, V, dualBound, isWarm: true, iterations, method }),
  };
}
