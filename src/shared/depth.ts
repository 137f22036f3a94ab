import type { GlobalCertificate, ShapeRecord } from './run.ts';

/**
 * What a run of a three-layer or linear network adds to its record (`RunRecord.deep`). Weights are on encoded inputs; the last input is
 * the bias column when the bias is regularised.
 */
export type DeepRecord = ThreeLayerRecord | LinearRecord;

export interface ThreeLayerRecord {
  readonly kind: 'three-layer';
  readonly m1: number;
  readonly regularizer: string;
  /** Tuples (D_11 .. D_1m1, signs, D_2) in play, and the largest proven price of each over beta (at most 1 at the optimum). */
  readonly tuples: number;
  /** How many of them came from trained networks and were not sampled. */
  readonly harvested?: number;
  readonly prices: readonly number[];
  readonly branches: readonly BranchRecord[];
  readonly networkObjective: { readonly constraint: number; readonly cubic: number };
  /** What ordinary weight decay on all three layers would cost these branches, and why it is another, non-convex problem. */
  readonly weightDecay: { readonly value: number; readonly message: string };
  /** The two-layer optimum of the same data and beta, beside it. */
  readonly twoLayer?: {
    readonly objective: number;
    readonly neurons: number;
    readonly global?: GlobalCertificate;
    /** Its function, over one or two original features. */
    readonly shape?: ShapeRecord;
  };
  /** Optimal value against the number of tuples in play. */
  readonly budget?: readonly { readonly tuples: number; readonly objective: number; readonly dualBound: number }[];
  /** Gradient descent: the same architecture with K branches on the cubic penalty. */
  readonly descentRuns?: readonly DescentRunRecord[];
  /** Objective along a random plane through a network so trained, one grid per K. */
  readonly landscape?: readonly {
    readonly K: number;
    readonly size: number;
    readonly span: number;
    readonly value: readonly number[];
  }[];
}

export interface BranchRecord {
  readonly id: number;
  readonly tuple: number;
  readonly sign: 1 | -1;
  readonly output: number;
  readonly innerSigns: readonly number[];
  /** m1 blocks u_j of the convex program. */
  readonly blocks: readonly (readonly number[])[];
  readonly blockNorms: readonly number[];
  readonly norm: number;
  readonly share: number;
  readonly W1: readonly (readonly number[])[];
  readonly w2: readonly number[];
  readonly w3: number;
  /** Share of each original feature in ||u_j||^2, per inner neuron. */
  readonly features: readonly (readonly number[])[];
  /** Rows on which each inner neuron and the branch itself are on, base64 bits as in NeuronRecord. */
  readonly first: readonly string[];
  readonly second: string;
}

export interface DescentRunRecord {
  readonly K: number;
  readonly seed: number;
  readonly optimizer: string;
  readonly epochs: readonly number[];
  readonly objective: readonly number[];
  readonly final: number;
  /** After balancing and merging. */
  readonly merged: number;
  /**
   * The alignment meter over training, branches weighed by their norm: cosine between |w2| and the column norms of W1, and smallest over
   * largest layer norm. Both are 1 at the optimum.
   */
  readonly alignment?: readonly { readonly epoch: number; readonly columns: number; readonly balance: number }[];
  /** Optimum of the convex program on the tuples of this network: never above `merged`. */
  readonly harvested: number | null;
}

export interface LinearRecord {
  readonly kind: 'linear';
  readonly depth: number;
  readonly penalty: string;
  /** Per chain (one, or one per output) and layer. */
  readonly layers: readonly (readonly LayerRecord[])[];
  /** Encoded inputs x outputs. */
  readonly map: readonly (readonly number[])[];
  /** Rank and singular values of the map along beta. */
  readonly rankPath: readonly {
    readonly beta: number;
    readonly rank: number;
    readonly singularValues: readonly number[];
  }[];
  readonly threshold: { readonly betaMax: number; readonly jump: number | null; readonly message: string };
  /** Singular values of the least squares map and the serial duality gap per depth. */
  readonly gap: readonly {
    readonly depth: number;
    readonly primal: number;
    readonly dual: number;
    /** One serial network and parallel branches of rank one with the least squares map, built and run; value of a feasible dual point. */
    readonly built?: {
      readonly serial: number;
      readonly parallel: number;
      readonly branches: number;
      readonly dual: number;
      readonly fitError: number;
    };
  }[];
  /**
   * Several outputs, squared loss: parallel branches at the beta of the run with the penalty on the last two layers (inner layers of norm at
   * most 1), by running them, and the convex dual's lower bound.
   */
  readonly parallel?: { readonly depth: number; readonly objective: number; readonly dualBound: number };
  /** Gradient descent on the layers themselves: the alignment meter over training. */
  readonly training?: readonly {
    readonly epoch: number;
    readonly objective: number;
    readonly layers: readonly LayerRecord[];
  }[];
}

export interface LayerRecord {
  readonly singularValues: readonly number[];
  readonly rankOneRatio: number;
  readonly alignment: number | null;
  readonly frobenius: number;
}

/** Paper B on this data (`RunRecord.structure`): which closed forms apply and what they say; the one-feature spline. */
export interface StructureRecord {
  readonly forms: readonly ClosedFormRecord[];
  /** Deep ReLU networks on rank-one data, built layer by layer. */
  readonly rankOne?: RankOneRecord;
  /** One feature: the spline of every output. */
  readonly splines?: readonly SplineRecord[];
  /** The network of the closed form with batch normalisation before the last layer, built and run on this data. */
  readonly batchNorm?: BatchNormRecord;
  /** Class means of last-layer features on the training rows: of the trained network, and of the batch-normalised closed form. */
  readonly collapse?: readonly CollapseRecord[];
  /** What was left out, and why. */
  readonly notes: readonly string[];
}

export interface RankOneRecord {
  /** False when the inputs are of rank one only without the bias of the run, so that these networks have none. */
  readonly asPosed: boolean;
  readonly depths: readonly {
    readonly depth: number;
    /** Objective of the non-convex problem, by running the layers; value of the dual at its residual; their relative gap. */
    readonly primal: number;
    readonly dual: number;
    readonly relativeGap: number;
    /** Largest dual constraint over beta of any branch, and the largest among random branches. */
    readonly dualConstraint: number;
    readonly sampled: { readonly count: number; readonly largest: number };
    readonly branches: readonly { readonly side: 1 | -1; readonly layers: readonly LayerRecord[] }[];
    /** Gradient descent on such branches; not in records of earlier runs, nor when there was no time or no comparison is wanted. */
    readonly training?: BranchTrainingRecord;
  }[];
}

/** A layer on the alignment meter. */
export type MeteredLayer = Pick<LayerRecord, 'rankOneRatio' | 'alignment' | 'frobenius'>;

/**
 * Adam on parallel ReLU branches on rank-one data with the penalty beta/L sum ||W_l||^L. Of the first layer, `alignment` is that of what it
 * passes on from both sides with the left vector of the second.
 */
export interface BranchTrainingRecord {
  readonly width: number;
  readonly started: number;
  /** Branches that are worth something at the end, largest first; side 0: on for both signs. */
  readonly branches: readonly {
    readonly side: 1 | -1 | 0;
    readonly share: number;
    readonly layers: readonly MeteredLayer[];
  }[];
  /** Over training: objective, and the layers of the branch that ends largest. */
  readonly points: readonly {
    readonly epoch: number;
    readonly objective: number;
    readonly layers: readonly MeteredLayer[];
  }[];
  readonly final: number;
  readonly learningRate: number;
}

export interface BatchNormRecord {
  /** Neurons of a random first hidden layer; 0 when the inputs themselves reach the targets. */
  readonly hidden: number;
  /**
   * Beta in the scale of the theorem, whose normalised features have norm 1: with batch normalisation in the run, whose features have norm
   * sqrt(rows), that of the run over sqrt(rows). Not in records of earlier runs, where it is that of the run.
   */
  readonly beta?: number;
  /** Largest error on the targets (0 and 1) of the layer before normalisation. */
  readonly interpolationError: number;
  readonly neurons: readonly { readonly scale: number; readonly shift: number; readonly weight: number }[];
  /** By running the network; by the formula; lower bound for all such networks of any depth and width. */
  readonly objective: number;
  readonly formula: number;
  readonly dualBound: number;
  /** Share of rows whose largest output is their class; null without test rows. */
  readonly trainAccuracy: number;
  readonly testAccuracy: number | null;
}

export interface CollapseRecord {
  readonly source: 'network' | 'batch-norm' | 'batch-norm-test' | 'inputs';
  /** Features whose class means are compared. */
  readonly features: number;
  readonly classes: readonly string[];
  /** Cosines between the class means after the mean of the class means is taken off. */
  readonly cosines: readonly (readonly number[])[];
  readonly simplexCosine: number;
  /** Largest distance of an off-diagonal cosine from it. Says nothing for two classes: around their centre two means are opposite. */
  readonly deviation: number;
  /** Scatter within classes over scatter between them; null when the class means coincide. */
  readonly withinOverBetween: number | null;
}

export interface ClosedFormRecord {
  readonly id: 'rank-one' | 'whitened' | 'one-hot' | 'one-feature' | 'spike-free' | 'linear' | 'batch-norm';
  readonly title: string;
  readonly applies: boolean;
  /** Why it applies, or which condition fails and by how much. */
  readonly reason: string;
  readonly objective?: number;
  readonly betaMax?: number;
  /** What the value is the optimum of, in words. */
  readonly program?: string;
  /** The solver's own optimum of the same problem, as a check, and the relative difference. */
  readonly solverObjective?: number;
  readonly difference?: number;
  readonly neurons?: readonly { readonly direction: readonly number[]; readonly weight: readonly number[] }[];
}

/**
 * The one-feature spline: hidden biases and output offset free. Places, fits, points and slope changes are in original units; beta,
 * objectives and dual values in those of the training program (standardised, when the run is).
 */
export interface SplineRecord {
  readonly feature: string;
  readonly loss: 'squared' | 'logistic';
  /** The class that the output speaks for (logistic loss: its log-odds against all others); null for a number. */
  readonly output: string | null;
  readonly beta: number;
  readonly betaMax: number;
  readonly objective: number;
  readonly dualBound: number;
  readonly kinks: readonly { readonly at: number; readonly change: number }[];
  readonly x: readonly number[];
  readonly free: readonly number[];
  /**
   * Fit with the bias inside the norm at the same beta, and its kinks, which are generally not data points; its objective is that of all
   * outputs together. Null: not solved in time.
   */
  readonly regularized: {
    readonly y: readonly number[];
    readonly kinks: readonly number[];
    readonly objective: number;
    readonly kinkDistance: number;
  } | null;
  /** b -> v'(x - b)_+ and its mirror v'(b - x)_+ at the knots, over beta: in [-1, 1], touching +-1 at kinks. */
  readonly dual: {
    readonly at: readonly number[];
    readonly right: readonly number[];
    readonly left: readonly number[];
  };
  /**
   * Where beta -> 0 tends: least norm of a function with the least loss, in original units. Null for classes when some abscissa has rows of
   * one class only: the log-odds there grow without bound.
   */
  readonly interpolation: { readonly norm: number; readonly kinks: readonly number[] } | null;
  /** Abscissae with more than one row, and how many of those have different targets (no function goes through them). */
  readonly repeated: { readonly abscissae: number; readonly conflicting: number };
  readonly points: { readonly x: readonly number[]; readonly y: readonly number[] };
  /** Largest distance of a kink from the nearest data point, relative to the span. */
  readonly kinkDistance: number;
}
