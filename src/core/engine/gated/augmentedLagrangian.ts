import { type ConjugateSide, createConjugateSide } from '../../problem/conjugate.ts';
import { relativeGap } from '../../problem/gap.ts';
import type { ActivePart } from './newtonAssembly.ts';
import type { EngineState, GatedProgram } from './program.ts';

/** Factor of the penalty parameter from one outer iteration to the next. */
const growth = 4;
/** A warm start may take longer steps from the beginning; its last sigma would be too long for another beta. */
const warmGrowth = 10;
/** sigma never exceeds this multiple of its start: beyond it rounding outweighs what a longer step gains. */
const largestGrowth = 1e12;

/** The best points met, over the gates that take part. */
interface BestPoints {
  objective: number;
  dualBound: number;
  /** m x d x c */
  readonly U: Float64Array;
  readonly V: Float64Array;
}

/**
 * The augmented Lagrangian of the gated program at one dual point V, with everything that follows from it:
 *   psi(V) = l*(-V) + ||prox(U_k + sigma A'V)||^2 / (2 sigma),   gradient  A U(V) - F(V),  U(V) = prox(U_k + sigma A'V).
 * Gates outside `work` are held at zero.
 */
export class AugmentedLagrangian {
  readonly side: ConjugateSide;
  sigma: number;
  /** n x c: A U(V) - F(V) */
  readonly gradient: Float64Array;
  readonly best: BestPoints;
  /** Groups that are not zero. */
  activeCount = 0;
  /** Multiplier, U(V), argument of the prox and A'V: m x d x c each. */
  private readonly Uk: Float64Array;
  private readonly U: Float64Array;
  private readonly W: Float64Array;
  private readonly T: Float64Array;
  private readonly candidateT: Float64Array;
  private readonly sizes: Float64Array;
  private readonly fit: Float64Array;
  private readonly candidate: Float64Array;
  private readonly scaled: Float64Array;
  /** The listed gates; undefined for all. */
  private readonly list: Int32Array | undefined;
  private readonly firstSigma: number;
  private penaltyValue = 0;
  /** Gates with a block that is not zero: as places in `work`, by id, and their blocks. */
  private activeIndex: number[] = [];
  private activeGates = new Int32Array(0);
  private activeBlocks = new Float64Array(0);

  constructor(
    private readonly program: GatedProgram,
    start: EngineState,
    private readonly work: Int32Array,
  ) {
    const { rows: n, features: d, outputs: c, gates, datafit, penalty } = program;
    const size = d * c;
    const m = work.length;
    const length = m * size;
    this.list = m === gates ? undefined : work;
    this.Uk = new Float64Array(length);
    for (let k = 0; k < m; k++) this.Uk.set(start.U.subarray(work[k] * size, (work[k] + 1) * size), k * size);
    this.U = new Float64Array(length);
    this.W = new Float64Array(length);
    this.T = new Float64Array(length);
    this.sizes = new Float64Array(m * penalty.groups);
    this.fit = new Float64Array(n * c);
    this.gradient = new Float64Array(n * c);
    this.candidate = new Float64Array(n * c);
    this.scaled = new Float64Array(n * c);
    this.best = {
      objective: Infinity,
      dualBound: -Infinity,
      U: new Float64Array(length),
      V: new Float64Array(n * c),
    };
    this.side = createConjugateSide(datafit, start.V);
    this.candidateT = this.side.candidateIsPoint ? this.T : new Float64Array(length);
    this.firstSigma = initialSigma(program) * (start.isWarm ? warmGrowth : 1);
    this.sigma = this.firstSigma;
  }

  /** The starting point is the first candidate: a stop at once gives nothing worse than the zero network or the warm start. */
  begin(): void {
    const { operator, outputs, datafit, penalty, beta } = this.program;
    operator.forward(this.Uk, outputs, this.fit, this.list);
    this.best.objective = datafit.value(this.fit) + beta * penalty.value(this.Uk, this.work.length);
    this.best.U.set(this.Uk);
  }

  /** Everything that follows from the point: V, F, A'V, W, U, fit, gradient. Returns psi. */
  evaluate(dualMoved = true): number {
    const { operator, outputs: c, penalty, beta } = this.program;
    const { side, Uk, U, W, T, sizes, fit, gradient, sigma } = this;
    const conjugate = side.update();
    if (dualMoved) operator.adjoint(side.V, c, T, this.list);
    for (let i = 0; i < W.length; i++) W[i] = Uk[i] + sigma * T[i];
    this.penaltyValue = penalty.prox(W, this.work.length, sigma * beta, U, sizes);
    this.collectActive();
    const { activeBlocks } = this;
    operator.forward(activeBlocks, c, fit, this.activeGates);
    let squares = 0;
    for (let i = 0; i < activeBlocks.length; i++) squares += activeBlocks[i] * activeBlocks[i];
    for (let i = 0; i < gradient.length; i++) gradient[i] = fit[i] - side.F[i];
    return conjugate + squares / (2 * sigma);
  }

  /** The blocks that the generalised Hessian is made of. */
  activePart(): ActivePart {
    const { features, outputs, beta } = this.program;
    const { sigma, activeIndex, W } = this;
    const size = features * outputs;
    const part = new Float64Array(activeIndex.length * size);
    activeIndex.forEach((k, t) => part.set(W.subarray(k * size, (k + 1) * size), t * size));
    return { gates: this.activeGates, W: part, threshold: sigma * beta, sigma };
  }

  /** Updates the best primal and dual points; returns the relative gap between them. */
  measure(): number {
    const { operator, outputs, datafit, penalty, beta } = this.program;
    const { best, candidate, candidateT, scaled } = this;
    const objective = datafit.value(this.fit) + beta * this.penaltyValue;
    if (objective < best.objective) {
      best.objective = objective;
      best.U.set(this.U);
    }
    this.side.dualCandidate(candidate);
    if (!this.side.candidateIsPoint) operator.adjoint(candidate, outputs, candidateT, this.list);
    const top = penalty.dualNorms(candidateT, this.work.length, this.sizes);
    const t = Math.min(1, beta / top);
    for (let i = 0; i < scaled.length; i++) scaled[i] = t * candidate[i];
    const bound = datafit.dualValue(scaled);
    if (bound > best.dualBound) {
      best.dualBound = bound;
      best.V.set(candidate);
    }
    return relativeGap(best.objective, best.dualBound);
  }

  /** ||U(V) - U_k|| / sqrt(sigma) */
  proximalDistance(): number {
    const { U, Uk } = this;
    let moved = 0;
    for (let i = 0; i < U.length; i++) moved += (U[i] - Uk[i]) * (U[i] - Uk[i]);
    return Math.sqrt(moved / this.sigma);
  }

  /** Ends an outer iteration: U_k := U(V). Where the inner problem was too hard, shorter proximal steps make it better conditioned. */
  takeMultiplier(tooHard: boolean): void {
    this.Uk.set(this.U);
    if (tooHard) {
      this.sigma /= growth * growth;
      this.side.recentre(1);
    } else {
      this.sigma = Math.min(this.sigma * growth, this.firstSigma * largestGrowth);
      this.side.recentre(growth);
    }
  }

  private collectActive(): void {
    const { features, outputs, beta, penalty } = this.program;
    const { U, sizes, sigma, work } = this;
    const size = features * outputs;
    const { groups } = penalty;
    const found: number[] = [];
    this.activeCount = 0;
    for (let k = 0; k < work.length; k++) {
      let on = false;
      for (let g = 0; g < groups; g++) {
        if (sizes[k * groups + g] > sigma * beta) {
          on = true;
          this.activeCount++;
        }
      }
      if (on) found.push(k);
    }
    const gates = new Int32Array(found.length);
    const blocks = new Float64Array(found.length * size);
    found.forEach((k, t) => {
      gates[t] = work[k];
      blocks.set(U.subarray(k * size, (k + 1) * size), t * size);
    });
    this.activeGates = gates;
    this.activeBlocks = blocks;
    this.activeIndex = found;
  }
}

/** A first penalty parameter in the units of the problem: half of one over the mean squared row length (factors 0.1 to 10 matter little). */
function initialSigma(program: GatedProgram): number {
  let squares = 0;
  for (let i = 0; i < program.X.data.length; i++) squares += program.X.data[i] * program.X.data[i];
  const mean = squares / program.rows;
  return mean > 0 ? 0.5 / mean : 1;
}
