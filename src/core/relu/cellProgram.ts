import type { DenseMatrix } from '../linalg/matrix.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { Datafit } from '../problem/datafit.ts';
import type { Control } from '../solver/control.ts';
import type { ConeCell } from './cell.ts';
import { type CentralPoint, type ConeGroup, type GramCache, solveConeProgram } from './coneProgram.ts';
import { NeuronNewton, type NeuronSeed } from './neuronNewton.ts';
import { CellPricer } from './pricing.ts';
import type { RowClasses } from './rowClasses.ts';

/** The ReLU program restricted to given cells: every neuron has to stay in one of them. */
export interface CellProgram {
  readonly X: DenseMatrix;
  readonly classes: RowClasses;
  readonly penalizedCols: number;
  readonly datafit: Datafit;
  readonly beta: number;
  readonly offset: boolean;
  readonly cells: readonly ConeCell[];
  readonly kernels?: Kernels | undefined;
}

export interface CellSolution {
  /** Non-zero groups; `tag` is the index into `cells`. */
  readonly neurons: readonly NeuronSeed[];
  readonly offset: Float64Array;
  readonly fit: Float64Array;
  readonly objective: number;
  readonly iterations: number;
  /** Largest price over all cells, signs and outputs at the final dual point, divided by beta. */
  readonly ratio: number;
  readonly stopped: boolean;
}

interface Candidate {
  readonly cell: number;
  readonly output: number;
  readonly sign: 1 | -1;
  price: number;
  /** Interior point iterate to start the next program from. */
  central?: CentralPoint;
}

/** So many groups are taken in together rather than in rounds. */
const atOnce = 100;

/**
 * Column generation: an interior point solution of the program on a few groups, exact pricing of all groups at its dual point (one
 * non-negative least squares problem each), and more groups where the price exceeds beta. The last interior point solution is polished by
 * Newton steps on the faces that it identifies, which gives exact zeros and the residual of an active-set method.
 */
export function solveOnCells(
  program: CellProgram,
  start: readonly NeuronSeed[],
  tolerance: number,
  control: Control,
  onProgress?: (objective: number, ratio: number, active: number, iterations: number) => void,
): CellSolution {
  const { X, datafit, beta, cells } = program;
  const c = datafit.outputs;
  const pricer = new CellPricer(X, program.penalizedCols);
  const newton = new NeuronNewton(program);
  const cache: GramCache = new Map();
  const sides = new Map<number, Int8Array>();
  const sideOf = (cell: number): Int8Array => {
    let known = sides.get(cell);
    if (known === undefined) sides.set(cell, (known = cellSides(program.classes, cells[cell])));
    return known;
  };
  const placeOf = (cell: number): { readonly cell: Int8Array; readonly linear?: boolean } =>
    cells[cell].linear ? { cell: sideOf(cell), linear: true } : { cell: sideOf(cell) };
  newton.setNeurons(start.map((seed) => ({ ...seed, ...placeOf(seed.tag ?? 0) })));
  if (program.offset || start.length > 0) newton.run(1e-6, 5, control);
  const working = new Map<string, Candidate>();
  const key = (cell: number, output: number, sign: number): string => `${cell} ${output} ${sign}`;
  for (const seed of start) {
    const cell = seed.tag ?? 0;
    working.set(key(cell, seed.output, seed.sign), { cell, output: seed.output, sign: seed.sign, price: beta });
  }
  let iterations = 0;
  let ratio = Infinity;
  let best = newton.value;
  let bestSeeds = newton.seeds();
  let bestOffset: Float64Array = newton.offset.slice();

  const priceAll = (V: Float64Array, level: number): Candidate[] | undefined => {
    const violators: Candidate[] = [];
    let largest = 0;
    for (let k = 0; k < cells.length; k++) {
      if ((k & 15) === 0 && control.shouldStop()) return undefined;
      for (let output = 0; output < c; output++) {
        for (const sign of [1, -1] as const) {
          if (sign < 0 && cells[k].linear) continue;
          const price = pricer.price(cells[k], V, c, output, sign, beta);
          largest = Math.max(largest, price);
          if (price > beta * (1 + level)) violators.push({ cell: k, output, sign, price });
        }
      }
    }
    ratio = largest / beta;
    return violators.sort((a, b) => b.price - a.price);
  };

  /** Prices at the polished point, inserts what violates, and polishes again; true when nothing is left. Keeps the best point. */
  const settle = (): boolean => {
    for (let round = 0; round < 20; round++) {
      if (newton.value < best) {
        best = newton.value;
        bestSeeds = newton.seeds();
        bestOffset = newton.offset.slice();
      }
      V = newton.dual();
      const left = priceAll(V, tolerance);
      if (left === undefined) return false;
      if (left.length === 0) return true;
      let inserted = 0;
      for (const { cell, output, sign } of left.slice(0, 8)) {
        pricer.price(cells[cell], V, c, output, sign);
        if (newton.insert({ u: pricer.direction, sign, output, ...placeOf(cell), tag: cell })) inserted++;
      }
      if (inserted === 0) return false;
      const polished = newton.run(1e-11, 60, control);
      iterations += polished.iterations;
      if (!polished.converged) return false;
    }
    return false;
  };

  let V = newton.dual();
  let final = false;
  let precise = false;
  let violators = priceAll(V, 1e-2);
  if (violators?.length === 0) violators = priceAll(V, tolerance);
  if (violators?.length === 0 && working.size === 0) violators = undefined;
  const aborted = control.shouldStop();
  if (violators !== undefined && 2 * c * cells.length <= atOnce) {
    // few enough to go to the end at once
    cells.forEach(({ linear }, cell) => {
      for (let output = 0; output < c; output++) {
        for (const sign of linear ? ([1] as const) : ([1, -1] as const)) {
          const name = key(cell, output, sign);
          if (!working.has(name)) working.set(name, { cell, output, sign, price: 0 });
        }
      }
    });
    final = true;
  }
  for (let round = 0; round < 60; round++) {
    if (violators === undefined) break;
    let added = 0;
    const limit = Math.max(64, working.size);
    for (const candidate of violators) {
      const name = key(candidate.cell, candidate.output, candidate.sign);
      if (working.has(name)) continue;
      working.set(name, candidate);
      if (++added >= limit) break;
    }
    // central points help when hardly anything is new; far off they cost more iterations than they save
    const near = ratio < 1.1 && added <= 0.2 * working.size && !precise;
    const groups: ConeGroup[] = [];
    const members: Candidate[] = [];
    for (const candidate of working.values()) {
      groups.push({
        cell: cells[candidate.cell],
        output: candidate.output,
        sign: candidate.sign,
        ...(near && candidate.central !== undefined ? { start: candidate.central } : {}),
      });
      members.push(candidate);
    }
    const accuracy = final ? 1e-9 : ratio > 10 ? 5e-2 : ratio > 2 ? 1e-2 : 1e-3;
    let interior = solveConeProgram(
      { X, datafit, beta, groups, offset: program.offset, kernels: program.kernels },
      accuracy,
      control,
      cache,
      precise,
    );
    if (near && !interior.stopped && interior.residual > 1e-2) {
      const cold = groups.map(({ cell, output, sign }) => ({ cell, output, sign }));
      interior = solveConeProgram(
        { X, datafit, beta, groups: cold, offset: program.offset, kernels: program.kernels },
        accuracy,
        control,
        cache,
        precise,
      );
    }
    iterations += interior.iterations;
    interior.central?.forEach((point, g) => (members[g].central = point));
    let total = 0;
    const norms = interior.vectors.map((u) => {
      let s = 0;
      for (let j = 0; j < program.penalizedCols; j++) s += u[j] * u[j];
      total += Math.sqrt(s);
      return Math.sqrt(s);
    });
    const objective = datafit.value(interior.fit) + beta * total;
    if (objective < best) {
      best = objective;
      bestOffset = interior.offset;
      bestSeeds = interior.vectors.map((u, g) => {
        const { cell, output, sign } = members[g];
        return { u, sign, output, ...placeOf(cell), tag: cell };
      });
    }
    if (interior.stopped) break;
    V = dualAt(datafit, interior.fit);
    let polishedNow = false;
    if (final) {
      // on to the faces
      const seeds: NeuronSeed[] = [];
      interior.vectors.forEach((u, g) => {
        if (norms[g] <= 1e-6 * total) return;
        const { cell, output, sign } = members[g];
        const tight = new Set<number>();
        for (const r of interior.tight[g]) tight.add(program.classes.classOf[r]);
        seeds.push({ u, sign, output, ...placeOf(cell), tag: cell, held: [...tight] });
      });
      newton.setNeurons(seeds, interior.offset);
      let polished = newton.run(1e-11, 20, control);
      // faces that are wrong by more than a few rows are not worth sliding along
      if (!polished.converged && polished.residual < 1) polished = newton.run(1e-11, 60, control);
      iterations += polished.iterations;
      polishedNow = polished.converged && settle();
      if (!polishedNow) V = dualAt(datafit, interior.fit);
    }
    const level = final ? (polishedNow ? tolerance : Math.max(tolerance, 1e-8)) : 1e-2;
    violators = priceAll(V, level);
    onProgress?.(best, ratio, bestSeeds.length, iterations);
    if (violators === undefined) break;
    const news = violators.some(({ cell, output, sign }) => !working.has(key(cell, output, sign)));
    if (!news && final && (polishedNow || precise)) break;
    if (!news) {
      precise = final;
      final = true;
    }
    const used = new Set(members.filter((_, g) => norms[g] > 1e-4 * total).map((m) => key(m.cell, m.output, m.sign)));
    if (working.size > 60) prune(working, used, V);
  }
  function prune(groups: Map<string, Candidate>, used: ReadonlySet<string>, at: Float64Array): void {
    for (const [name, candidate] of groups) {
      if (used.has(name)) continue;
      const price = pricer.price(cells[candidate.cell], at, c, candidate.output, candidate.sign, 0.97 * beta);
      if (price < 0.97 * beta) groups.delete(name);
    }
  }
  newton.setNeurons(bestSeeds, bestOffset);
  return {
    neurons: newton.seeds(),
    offset: newton.offset.slice(),
    fit: newton.fit(),
    objective: newton.value,
    iterations,
    ratio,
    stopped: aborted || control.shouldStop(),
  };
}

function dualAt(datafit: Datafit, fit: Float64Array): Float64Array {
  const V = new Float64Array(fit.length);
  datafit.dualPoint(fit, V);
  return V;
}

/** Side of every row class that a cell is on; 0 where its rows contradict each other, so that the cell lies in the hyperplane. */
export function cellSides(classes: RowClasses, cell: ConeCell): Int8Array {
  const sides = new Int8Array(classes.count);
  for (let k = 0; k < classes.count; k++) {
    let side = 0;
    for (let m = classes.start[k]; m < classes.start[k + 1]; m++) {
      const i = classes.rows[m];
      const mine = classes.scale[i] > 0 ? cell.signs[i] : -cell.signs[i];
      if (m === classes.start[k]) side = mine;
      else if (mine !== side) side = 0;
    }
    sides[k] = side;
  }
  return sides;
}
