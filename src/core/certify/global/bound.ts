import type { ProofMethod } from '../../base/control.ts';
import type { ConicBound } from '../conic/conicBound.ts';

/** What one method proved, and what it took. */
export interface MethodBound {
  /** Branch and bound over cones of directions, all activation patterns, norms only, or the conic relaxation. */
  readonly method: ProofMethod | 'patterns' | 'norms';
  readonly lowerBound: number;
  readonly seconds: number;
  /** Cones or patterns visited, or Newton steps. */
  readonly steps: number;
}

/** Told when a method has proven more: its own bound so far. */
export type OnBound = (bound: number, method: ProofMethod) => void;

/** Proven knowledge about ALL networks of the family. */
export interface GlobalBound {
  readonly lowerBound: number;
  readonly relativeGap: number;
  /** n x c: the dual point that proves `lowerBound`, where one does: -l*(-dual) is at most every objective, and M(dual) at most beta. */
  readonly dual?: Float64Array;
  readonly proof: 'exact' | 'bound' | 'none';
  /** Proven upper bound of M(v) at the dual point of the fit. */
  readonly maxDualConstraint: number;
  /** The lower bound comes from another dual point, that of the fit times this factor; the other figures are of the fit's own. */
  readonly dualPointShrink?: number;
  /** Largest |v'(Xu)_+| that search found (a lower estimate of M(v)). */
  readonly searchEstimate: number;
  /**
   * What the dual point of the fit would prove if no direction were better than the best one found. A network cannot be improved by more than the objective
   * less this, unless the search missed something; what lies between it and `lowerBound` is the looseness of the proof.
   */
  readonly searchedBound?: number;
  /** Direction attaining the search estimate, on effective inputs. */
  readonly worstDirection?: Float64Array;
  /** Outgoing weights (c numbers, norm 1) of the neuron along it that lowers the objective most; per output: a signed unit vector. */
  readonly worstOuter?: Float64Array;
  readonly cells?: number;
  /** Where several methods ran: what each proved, the one that `lowerBound` comes from first. */
  readonly methods?: readonly MethodBound[];
  /** The best that the conic relaxation proved, when it ran: a dual point of its own and multipliers (never written to a record). */
  readonly conic?: ConicBound;
  readonly reason: string;
}
