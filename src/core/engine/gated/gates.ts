import { patternsByProduct } from '../../problem/patterns/patternProducts.ts';
import { distinctGates, type GateSet } from '../../base/patterns.ts';
import { sampleGates } from '../../problem/patterns/sample.ts';
import { enumerateCells } from '../../problem/patterns/enumerate.ts';
import type { Kernels } from '../../base/kernels/kernels.ts';
import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { effectiveGates } from '../../problem/effectiveGates.ts';
import { biasOf, defaultGateCount, type Problem } from '../../problem/problem.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import { ProblemError } from '../../base/problemError.ts';
import { type Control, uncontrolled } from '../../base/control.ts';
import type { Solution } from '../solution/solution.ts';

/** More cells than this are not enumerated for a gated model. */
const largestCellCount = 50_000;

/** Gates of a solve, and the scope that optimality on them has. */
export interface ChosenGates {
  readonly gateSet: GateSet;
  readonly scope: Solution['scope'];
  /** False when a stop came before all gates were there: then nothing is known about the program that was asked for. */
  readonly complete: boolean;
}

/**
 * The distinct, non-empty gates that a problem asks for: given, sampled, or one for every cell of the arrangement.
 * @throws {ProblemError} when the gates do not fit the data, or there are too many cells to enumerate
 */
export function gatesOf(
  problem: Problem,
  prepared: PreparedProblem,
  control: Control = uncontrolled,
  kernels?: Kernels,
): ChosenGates {
  const { arrangements } = problem;
  const { X } = prepared;
  const stop = (): boolean => control.shouldStop();
  const distinct = (gates: DenseMatrix): GateSet =>
    distinctGates(X, gates, stop, kernels && patternsByProduct(X, gates, kernels, stop));
  const sampled = (count: number, seed: number): ChosenGates => {
    const gateSet = distinct(sampleGates(X, count, seed, stop));
    return {
      gateSet: { ...gateSet, requested: count, removed: count - gateSet.patterns.count },
      scope: 'sampled',
      complete: !stop(),
    };
  };
  switch (arrangements.kind) {
    case 'given': {
      const { gates } = arrangements;
      for (let i = 0; i < gates.data.length; i++) {
        if (Number.isFinite(gates.data[i])) continue;
        throw new ProblemError(`${String(gates.data[i])} is not a finite number`, {
          field: 'gates',
          row: Math.floor(i / gates.cols) + 1,
          column: (i % gates.cols) + 1,
        });
      }
      const gateSet = distinct(effectiveGates(gates, problem.X.cols, biasOf(prepared.bias).column));
      return { gateSet, scope: 'given-gates', complete: !stop() };
    }
    case 'sampled':
    case 'adaptive': {
      const count = arrangements.kind === 'sampled' ? arrangements.count : defaultGateCount;
      if (!Number.isInteger(count) || count < 1) {
        throw new ProblemError(`needs a positive whole number, not ${count}`, { field: 'arrangements.count' });
      }
      return sampled(count, arrangements.seed);
    }
    case 'all': {
      const cells = enumerateCells(prepared.X, largestCellCount, control);
      // stopped while counting: what follows will stop at once, on gates that can be had without it
      if (cells === undefined) return sampled(defaultGateCount, 1);
      const gateSet = distinct(cells.directions);
      return { gateSet, scope: stop() ? 'sampled' : 'all-arrangements', complete: !stop() };
    }
  }
}
