import type { SeparabilityReport } from '../core/theory/flow/separability.ts';

/** The convex max-margin program: the best two-layer ReLU network of any width. */
export interface MarginRecord {
  readonly status: 'optimal' | 'not-separable' | 'stopped' | 'not-converged';
  /** Null: nothing separates. */
  readonly value: number | null;
  readonly lowerBound: number;
  readonly relativeGap: number | null;
  /** The bound holds over all networks; exact: its dual constraint is settled, bound: known up to a proven upper bound. */
  readonly proof: 'exact' | 'bound';
  readonly neurons: readonly { readonly u: readonly number[]; readonly sign: number }[];
  readonly lambda: readonly number[];
  /** Largest margin of a network with parameters of norm 1, and the proven upper bound of it; null: none yet. */
  readonly normalizedMargin: number;
  readonly marginBound: number | null;
  readonly reason: string;
  readonly seconds: number;
}

/** What a finished run of gradient flow is worth. */
export interface FlowCertificateRecord {
  readonly verdict: 'global' | 'kkt-not-global' | 'not-converged' | 'not-separated';
  /** Half the squared norm of the parameters scaled to margin 1; null: the data are not separated. */
  readonly primal: number | null;
  /** sum |lambda| / max(nu, 1): no network of margin 1 costs less. */
  readonly bound: number;
  /** Largest dual constraint over all directions: found, and at most (null: not known). All null: the data are not separated. */
  readonly nu: number | null;
  readonly nuUpper: number | null;
  readonly stationarity: number | null;
  /** Fitted dual variables; where the data are not separated the forces of the rows, y sigmoid(-y f). */
  readonly lambda: readonly number[];
  readonly sentence: string;
  /** Direction of the dual constraint's maximum where it is above 1; not separated: the direction in which a neuron lowers the loss most. */
  readonly suggested: { readonly direction: readonly number[]; readonly sign: number } | null;
}

export interface FlowRunRecord {
  readonly seed: number;
  /** Ends of the earlier runs that this one continues, a suggested neuron put in after each; empty: a fresh start. */
  readonly before: readonly { readonly value: number | null; readonly loss: number }[];
  readonly neurons: number;
  readonly steps: number;
  readonly status: string;
  /**
   * Why the flow ended: its direction had settled; it came to rest without separating, because no neuron is left that could change the rows it
   * has wrong; its steps were used up; it was stopped.
   */
  readonly ended: 'settled' | 'at-rest' | 'steps' | 'stopped';
  /** Pairs of a neuron and a kink (the rows orthogonal to it) along which the flow slides at the end. */
  readonly onKinks: number;
  /** Recorded steps with loss, normalised margin min y f / ||theta||^2, and largest drift of a^2 - ||w||^2. */
  readonly at: readonly number[];
  readonly loss: readonly number[];
  readonly margin: readonly number[];
  readonly drift: readonly number[];
  /**
   * Directions of the neurons over time on the plane of `FlowResult.plane`: per neuron the coordinates x y of each recorded point,
   * its sign (output weight) and its share of the squared norm at the end. The strongest neurons only.
   */
  readonly paths: readonly { readonly sign: number; readonly share: number; readonly xy: readonly number[] }[];
  readonly certificate: FlowCertificateRecord;
  /** Neurons at the end, scaled to margin 1 when separated. */
  readonly w: readonly (readonly number[])[];
  readonly a: readonly number[];
}

export interface FlowResult {
  readonly report: SeparabilityReport;
  readonly margin: MarginRecord | null;
  readonly runs: readonly FlowRunRecord[];
  /** What the two coordinates of the paths are. */
  readonly plane: { readonly axes: readonly [string, string]; readonly exact: boolean };
  /** Rows as directions on the same plane. */
  readonly rows: readonly { readonly x: number; readonly y: number; readonly label: number }[];
  /** Direction of the max-margin neurons on the same plane. */
  readonly optimal: readonly { readonly x: number; readonly y: number; readonly sign: number }[];
}

/** The rectified ellipsoid {(Xu)_+ : ||u|| <= 1}, its convex hull, the supporting planes of the dual variable, and the neurons. */
export interface GeometryResult {
  readonly margin: MarginRecord;
  /** In the space of outputs: two rows in the plane, three rows or up to three inputs in space. */
  readonly output: OutputGeometry | null;
  /** Over all directions u: two inputs. */
  readonly circle: CircleGeometry | null;
  /** Over all directions u: three inputs. */
  readonly sphere: SphereGeometry | null;
  readonly neurons: readonly TouchingNeuron[];
  /** Where the run of gradient flow whose neurons are shown ended. */
  readonly flow: FlowCertificateRecord | null;
}

export interface OutputGeometry {
  readonly dimension: 2 | 3;
  /** What the coordinates are. */
  readonly axes: readonly string[];
  /** False: more than three rows, seen along three directions of the space of outputs, the last one lambda. */
  readonly exact: boolean;
  /** Points (Xu)_+ with `dimension` coordinates each: a closed curve (columns 0) or rings of a sphere of directions. */
  readonly columns: number;
  readonly boundary: readonly number[];
  /** Convex hull of those points, the origin and the neurons: corners (in the plane in order), and triangles of them (in space). */
  readonly corners: readonly number[];
  readonly faces: readonly number[];
  /** lambda in these coordinates: the supporting planes are normal'z = 1 and -1. */
  readonly normal: readonly number[];
  /** (X w / ||w||)_+ of every neuron in these coordinates, in the order of `GeometryResult.neurons`. */
  readonly neurons: readonly (readonly number[])[];
}

/** Two inputs: lambda'(Xu)_+ over the circle of directions. */
export interface CircleGeometry {
  readonly angle: readonly number[];
  readonly value: readonly number[];
  readonly axes: readonly [string, string];
}

/** Three inputs: lambda'(Xu)_+ over rings of the sphere of directions, from the negative third axis to the positive. */
export interface SphereGeometry {
  readonly columns: number;
  readonly value: readonly number[];
  readonly axes: readonly [string, string, string];
}

export interface TouchingNeuron {
  /** optimal: of the max-margin network; flow: of the trained one. */
  readonly of: 'optimal' | 'flow';
  readonly sign: number;
  readonly share: number;
  /** How many neurons of one direction and sign it stands for; records of earlier versions have them one by one. */
  readonly count?: number;
  /** Input weights scaled to length 1; up to three inputs only. */
  readonly direction: readonly number[];
  /** |lambda'(X w/||w||)_+|: 1 on a supporting plane. */
  readonly constraint: number;
}
