import { type MaxMarginResult, solveMaxMargin } from '../core/theory/flow/maxMargin.ts';
import { separabilityReport } from '../core/theory/flow/separability.ts';
import type { DenseMatrix } from '../core/base/linalg/matrix.ts';
import { type Control, withDeadline } from '../core/base/control.ts';
import type { LabVerdict } from '../shared/lab.ts';
import type { MarginRecord } from '../shared/labFlow.ts';

/** The whole program has to be done in this time; the best network by then is kept with what is known about it. */
const programSeconds = 30;
/** Seconds that may go into proving the dual constraint of the max-margin program over all activation patterns. */
const certifySeconds = 10;

export function marginRecord(X: DenseMatrix, y: Float64Array, seed: number, control: Control): MarginRecord {
  const result: MaxMarginResult = solveMaxMargin(X, y, { seed, certifySeconds }, withDeadline(control, programSeconds));
  // Equal directions with different labels settle the question; the program then only bounds how small the margin is.
  const conflict = result.value === Infinity ? separabilityReport(X, y).conflicts[0] : undefined;
  const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
  return {
    status: conflict === undefined ? result.status : 'not-separable',
    value: finite(result.value),
    lowerBound: result.lowerBound,
    relativeGap: finite(result.relativeGap),
    proof: result.proof,
    neurons: result.neurons.map(({ u, sign }) => ({ u: Array.from(u), sign })),
    lambda: Array.from(result.lambda),
    normalizedMargin: result.normalizedMargin,
    marginBound: finite(result.marginBound),
    reason: conflict?.reason ?? result.reason,
    seconds: result.seconds,
  };
}

export function marginVerdict(margin: MarginRecord): LabVerdict {
  const base = {
    id: 'max-margin',
    title: 'The largest margin of any network is known',
    quantity: 'relative gap between the convex max-margin program and its dual',
    tolerance: [null, 1e-6] as const,
  };
  if (margin.status === 'not-separable') {
    return {
      ...base,
      value: null,
      verdict: 'not tested',
      sentence: `No two-layer ReLU network separates these rows (the best margin is 0): ${margin.reason}.`,
    };
  }
  if (margin.value === null) {
    return {
      ...base,
      value: null,
      verdict: 'not tested',
      sentence:
        margin.marginBound === null
          ? `No separating network was found, and no bound on the margin: ${margin.reason}.`
          : `No separating network was found; the normalised margin of every network is at most ${margin.marginBound.toPrecision(3)} (proven).`,
    };
  }
  const agrees = margin.relativeGap !== null && margin.relativeGap <= 1e-6;
  return {
    ...base,
    value: margin.relativeGap,
    verdict: agrees ? 'agrees' : 'not tested',
    sentence:
      `Value ${margin.value.toPrecision(7)} with ${margin.neurons.length} neuron${margin.neurons.length === 1 ? '' : 's'}: normalised margin ${margin.normalizedMargin.toPrecision(6)}` +
      (margin.marginBound === null
        ? `; how much is possible for any network is not known: ${margin.reason}.`
        : `, and at most ${margin.marginBound.toPrecision(6)} is possible for any network (proven` +
          (margin.proof === 'exact' ? ').' : `; ${margin.reason}).`)),
  };
}
