import { columnOf } from '../../base/linalg/matrix.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import { ProblemError } from '../../base/problemError.ts';
import type { Control, SolveStatus } from '../../base/control.ts';
import type { Block, GramCache } from './blockSystem.ts';
import { solveBlocks } from './interiorPoint.ts';
import { exactPrice, linearForm, projectedPrice, relaxedPrice } from './pricing.ts';
import { groupNorm, type SubVector } from '../../network/threeLayer/subNetwork.ts';
import type { Tuple } from '../../network/threeLayer/tuple.ts';

/** Numbers of variables of one master program beyond which it is refused. */
const largestTupleProgram = 20_000;

/** Sure violations that end the pricing of a round. */
const enoughPerRound = 16;

/** Worst relative violation from which on a master is solved to the end at once: it is likely to be the last. */
const nearlyDone = 3e-2;

/** The optimum over some tuples, strictly inside their cones, and how the solve ended. */
export interface RestrictedOptimum {
  readonly ended: SolveStatus;
  readonly interior: SubVector[];
}

interface Known {
  readonly g: Float64Array;
  readonly upper: number;
  readonly shift: Float64Array;
}

const keyOf = (block: Block): string => `${block.output}${block.sign}${block.tuple.key}`;

/**
 * The convex program (A2) of Ergen and Pilanci 2021 over changing sets of tuples, by a working set: price, add what violates the dual constraint,
 * solve the master by interior points, drop what stays at zero. Products of blocks and proven prices are kept between solves.
 */
export class TupleProgram {
  /** Newton steps of all masters so far. */
  newtonSteps = 0;
  private readonly grams: GramCache = new Map();
  /** What is left of earlier prices: linear form, proven bound, and the shift C'rho of its projection. */
  private readonly known = new Map<string, Known>();

  constructor(
    private readonly prepared: PreparedProblem,
    private readonly m1: number,
    /** Stops and clock of the whole solve, its time limit included; told of progress. */
    private readonly control: Control,
    private readonly started: number,
  ) {}

  /**
   * Proven upper bounds of the prices of tuples at the dual point V (n x c), largest over outputs and signs; those known to be at most beta are
   * given as beta at most. `exact`: to nine digits where they are above.
   */
  pricesAt(tuples: readonly Tuple[], V: Float64Array, exact: boolean): Float64Array {
    const { m1, control } = this;
    const { beta, outputs } = this.prepared;
    const prices = new Float64Array(tuples.length);
    const columns = Array.from({ length: outputs }, (_, k) => columnOf(V, outputs, k));
    tuples.forEach((tuple, t) => {
      columns.forEach((v, output) => {
        for (const sign of [1, -1] as const) {
          const g = linearForm(tuple, v, sign);
          const bound = this.boundFrom(keyOf({ tuple, sign, output }), g);
          const stopped = control.shouldStop();
          if (bound <= Math.max(beta, prices[t]) || stopped) {
            prices[t] = Math.max(prices[t], stopped ? bound : Math.min(bound, beta));
            continue;
          }
          const price = exact ? exactPrice(tuple, g, m1, 1e-9, beta) : projectedPrice(tuple, g, m1);
          prices[t] = Math.max(prices[t], price.upper);
        }
      });
    });
    return prices;
  }

  private boundFrom(key: string, g: Float64Array): number {
    const relaxed = relaxedPrice(g, this.m1);
    const last = this.known.get(key);
    if (!last) return relaxed;
    // prices are sublinear: an old one plus the relaxed price of the change is a bound, and so is the relaxed price after an old shift
    const change = g.map((value, k) => value - last.g[k]);
    const shifted = g.map((value, k) => value + last.shift[k]);
    return Math.min(relaxed, last.upper + relaxedPrice(change, this.m1), relaxedPrice(shifted, this.m1));
  }

  /**
   * The optimum over the tuples.
   * @throws {ProblemError} when too many variables are in play at once
   */
  optimizeOver(tuples: readonly Tuple[]): RestrictedOptimum {
    const { m1, control } = this;
    const { X, datafit, beta, outputs, tolerance } = this.prepared;
    const finalTolerance = 0.02 * tolerance;
    const stop = (): boolean => control.shouldStop();
    const V = new Float64Array(X.rows * outputs);
    let blocks: Block[] = [];
    let vectors: Float64Array[] = [];
    let fit: Float64Array = new Float64Array(X.rows * outputs);
    const idle = new Map<string, number>();
    const present = new Set<string>();
    let masterTolerance = 1;
    let ended: SolveStatus = 'iteration-limit';
    let best: { objective: number; blocks: Block[]; vectors: Float64Array[] } | undefined;
    for (let round = 0; round < 300; round++) {
      datafit.dualPoint(fit, V);
      const wanted = this.violators(tuples, V, present);
      if (stop()) {
        ended = 'cancelled';
        break;
      }
      // The master only needs to be as accurate as the violations that are left; it is solved to the end before stopping.
      if (wanted.length === 0 && masterTolerance <= finalTolerance) {
        ended = 'optimal';
        break;
      }
      const worst = wanted.length > 0 ? wanted[0].price / beta - 1 : 0;
      masterTolerance = worst < nearlyDone ? finalTolerance : Math.max(finalTolerance, Math.min(1e-2 * worst, 1e-2));
      for (const { block } of wanted.slice(0, Math.max(6, Math.ceil(blocks.length / 2)))) {
        blocks.push(block);
        present.add(keyOf(block));
      }
      if (blocks.length * m1 * X.cols > largestTupleProgram) {
        throw new ProblemError(
          `the program needs more than ${largestTupleProgram} variables at once; raise beta, or lower m1 or the number of tuples`,
          { field: 'hidden.m1' },
        );
      }
      const master = solveBlocks({ X, blocks, datafit, beta, m1, grams: this.grams }, masterTolerance, control);
      this.newtonSteps += master.newtonSteps;
      fit = master.fit;
      // Blocks that stay at zero for some rounds leave the working set.
      const norms = master.vectors.map((u) => groupNorm(u, m1));
      const total = norms.reduce((a, b) => a + b, 0);
      const keep: number[] = [];
      blocks.forEach((block, b) => {
        const key = keyOf(block);
        const rounds = norms[b] < 1e-8 * total ? (idle.get(key) ?? 0) + 1 : 0;
        idle.set(key, rounds);
        if (rounds < 3 || master.stopped) keep.push(b);
        else present.delete(key);
      });
      vectors = keep.map((b) => master.vectors[b]);
      blocks = keep.map((b) => blocks[b]);
      if (!best || master.objective < best.objective)
        best = { objective: master.objective, blocks: [...blocks], vectors };
      control.report?.({
        iteration: this.newtonSteps,
        seconds: control.now() - this.started,
        objective: best.objective,
        dualBound: 0,
        active: norms.filter((s) => s > 1e-6 * total).length,
        phase: `${tuples.length} tuples, ${blocks.length} in play`,
      });
    }
    const interior = (best?.blocks ?? []).map(({ tuple, sign, output }, b) => ({
      u: best!.vectors[b],
      inner: tuple.inner,
      sign,
      output,
      tuple,
    }));
    return { ended, interior };
  }

  /** Blocks not in play whose price at V is surely above beta, dearest first: a few of them are enough for a round. */
  private violators(
    tuples: readonly Tuple[],
    V: Float64Array,
    present: ReadonlySet<string>,
  ): { readonly block: Block; readonly price: number }[] {
    const { m1, known } = this;
    const { beta, outputs, tolerance } = this.prepared;
    const violation = beta * (1 + 0.2 * tolerance);
    const stop = (): boolean => this.control.shouldStop();
    const wanted: { block: Block; price: number }[] = [];
    const unclear: { block: Block; g: Float64Array; upper: number }[] = [];
    for (let k = 0; k < outputs && !stop(); k++) {
      const v = columnOf(V, outputs, k);
      // Partial pricing: what was dear last time comes first.
      const candidates: { block: Block; g: Float64Array; guess: number }[] = [];
      for (const tuple of tuples) {
        for (const sign of [1, -1] as const) {
          const block: Block = { tuple, sign, output: k };
          if (present.has(keyOf(block))) continue;
          const g = linearForm(tuple, v, sign);
          const guess = this.boundFrom(keyOf(block), g);
          if (guess > beta) candidates.push({ block, g, guess });
        }
      }
      candidates.sort((a, b) => b.guess - a.guess);
      let sure = 0;
      for (const { block, g } of candidates) {
        if (stop() || sure >= enoughPerRound) break;
        const price = projectedPrice(block.tuple, g, m1);
        known.set(keyOf(block), { g, upper: price.upper, shift: price.shift });
        if (price.lower > violation) {
          wanted.push({ block, price: price.lower });
          sure++;
        } else if (price.upper > violation) unclear.push({ block, g, upper: price.upper });
      }
    }
    // Only when the cheap bounds leave nothing certain to add are the ones that straddle beta worth their exact price.
    if (wanted.length === 0) {
      unclear.sort((a, b) => b.upper - a.upper);
      for (const { block, g } of unclear) {
        if (stop() || wanted.length >= 8) break;
        const { lower, upper } = exactPrice(block.tuple, g, m1, 0.05 * tolerance, violation, true);
        known.set(keyOf(block), { ...known.get(keyOf(block))!, g, upper });
        if (lower > violation) wanted.push({ block, price: lower });
      }
    }
    return wanted.sort((a, b) => b.price - a.price);
  }
}
