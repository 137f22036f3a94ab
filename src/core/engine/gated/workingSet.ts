import { forwardActive, solveAccelerated } from './accelerated.ts';
import { solveNewton } from './newton.ts';
import { largestOrder } from './newtonSystem.ts';
import { untilInterrupted } from '../../base/kernels/interrupt.ts';
import { type EngineResult, type EngineRun, type EngineState, type GatedProgram } from './program.ts';

/** Below this many multiply-adds for one pass over all gates, working with all of them at once is cheaper. */
const smallestPass = 2e8;
/** Gates in the first working set, at least. */
const firstSize = 100;
/** Proximal gradient steps on the first working set of a solve from scratch: far from the optimum Newton systems are not worth solving. */
const startingSteps = 40;
/** The same on every larger working set where systems are solved matrix-free: each Newton step then costs as much as dozens of these. */
const matrixFreeSteps = 300;

/** Whether a working set pays: a pass over all gates is expensive and there are many more gates than rows can use. */
export function usesWorkingSet(program: GatedProgram): boolean {
  const { rows: n, features: d, outputs: c, gates: P } = program;
  return n * d * c * P > smallestPass && P > 2 * firstSize;
}

/**
 * Newton on a growing set of gates (in the manner of Massias, Gramfort, Salmon 2018), each round warm-started: the gates that violate
 * the dual constraint most are added, until the duality gap over all gates is closed. Gates that the gap-safe sphere test
 * (Ndiaye, Fercoq, Gramfort, Salmon 2017) proves inactive are never looked at again: the optimal dual point lies within sqrt(2 L gap) of any
 * feasible one (L the Lipschitz constant of the gradient of the loss), so gate i is inactive when its dual norm there plus
 * that radius times ||D_i X|| stays below beta.
 */
export function solveWorkingSet(program: GatedProgram, start: EngineState, run: EngineRun): EngineResult {
  const { rows: n, features: d, outputs: c, gates: P, datafit, penalty, beta } = program;
  const size = d * c;
  const norms = gateNorms(program);
  const scaled = new Float64Array(n * c);
  const isIn = new Uint8Array(P);
  let alive = Int32Array.from({ length: P }, (_, i) => i);
  let state: EngineState = start;
  let best: EngineState = start;
  const fit = new Float64Array(n * c);
  forwardActive(program, start.U, fit);
  let objective = datafit.value(fit) + beta * penalty.value(start.U, P);
  let dualBound = -Infinity;
  let work = new Int32Array(0);
  let iterations = 0;
  let newtonSteps = 0;
  let firstOrderSteps = 0;
  let rounds = 0;
  let engine = '';
  const finish = (status: EngineResult['status']): EngineResult => ({
    ...best,
    dualBound,
    status,
    isWarm: true,
    iterations,
    method: `${engine}${firstOrderSteps > 0 ? ` after ${firstOrderSteps} proximal gradient steps` : ''}; working set of ${work.length} of ${P} gates in ${rounds} rounds, ${P - alive.length} gates screened out`,
  });

  for (let p = 0; p < P; p++) if (state.U.subarray(p * size, (p + 1) * size).some((u) => u !== 0)) isIn[p] = 1;

  const iterate = (): EngineResult => {
    for (;;) {
      // price all gates that are left at the current dual point
      const prices = priceGates(program, state.V, alive);
      let top = 0;
      for (const price of prices) top = Math.max(top, price);
      const t = top > beta ? beta / top : 1;
      for (let i = 0; i < n * c; i++) scaled[i] = t * state.V[i];
      const bound = datafit.dualValue(scaled);
      if (bound > dualBound) {
        dualBound = bound;
        best = { ...best, V: state.V };
      }
      if (rounds > 0) run.report(iterations, objective, dualBound, work.length, 'pricing all gates');
      const gap = objective - dualBound;
      if (gap <= run.tolerance * Math.abs(objective)) return finish('optimal');
      if (run.shouldStop()) return finish('stopped');
      if (newtonSteps >= run.maxIterations) return finish('iteration-limit');

      const radius = Math.sqrt(2 * datafit.lipschitz * Math.max(0, objective - bound));
      // a gate in the working set may still carry weight in the current point
      const kept = (p: number, k: number): boolean =>
        !Number.isFinite(radius) || isIn[p] === 1 || t * prices[k] + radius * norms[p] >= beta;
      const keptPrices = prices.filter((_, k) => kept(alive[k], k));
      alive = alive.filter(kept);
      grow(isIn, alive, keptPrices, beta, work.length);
      const next = alive.filter((p) => isIn[p] === 1);
      const grew = next.length > work.length;
      work = next;
      rounds++;

      // early rounds need no more accuracy than the gates still missing allow
      const relative = gap / Math.max(Math.abs(objective), Number.MIN_VALUE);
      const tolerance = grew
        ? Math.max(0.3 * run.tolerance, Math.min(1e-2, Number.isFinite(relative) ? 0.1 * relative : 1e-2))
        : 0.3 * run.tolerance;
      let used = iterations;
      const inner: EngineRun = {
        tolerance,
        maxIterations: run.maxIterations - newtonSteps,
        shouldStop: () => run.shouldStop(),
        // the bound of the smaller program says nothing about the whole one
        report: (iteration, value, _bound, active, phase) => {
          run.report(used + iteration, Math.min(objective, value), dualBound, active, phase);
        },
      };
      const steps = n > largestOrder ? (grew ? matrixFreeSteps : 0) : rounds === 1 && !start.isWarm ? startingSteps : 0;
      if (steps > 0 && datafit.smooth) {
        const near = startingPoint(program, state, work, { ...inner, maxIterations: steps });
        iterations = used += near.iterations;
        firstOrderSteps += near.iterations;
        state = near;
      }
      const result = solveNewton(program, state, work, inner);
      iterations += result.iterations;
      newtonSteps += result.iterations;
      engine = result.method;
      forwardActive(program, result.U, fit);
      const value = datafit.value(fit) + beta * penalty.value(result.U, P);
      if (value < objective) {
        objective = value;
        best = { ...best, U: result.U };
      }
      state = result;
      if (result.status === 'numerical-error' && !grew) return finish('numerical-error');
    }
  };
  return untilInterrupted(iterate, () => finish('stopped'));
}

/** A point nearer to the optimum over the listed gates, by proximal gradient steps. */
function startingPoint(program: GatedProgram, start: EngineState, work: Int32Array, run: EngineRun): EngineResult {
  const size = program.features * program.outputs;
  const U = new Float64Array(work.length * size);
  work.forEach((p, k) => U.set(start.U.subarray(p * size, (p + 1) * size), k * size));
  const near = solveAccelerated(restricted(program, work), { ...start, U }, run);
  const full = new Float64Array(program.gates * size);
  work.forEach((p, k) => full.set(near.U.subarray(k * size, (k + 1) * size), p * size));
  return { ...near, U: full, isWarm: false };
}

/** The program on the listed gates alone, on the operator of the whole one. */
function restricted(program: GatedProgram, work: Int32Array): GatedProgram {
  const { operator } = program;
  const listed = (gates?: Int32Array): Int32Array => (gates === undefined ? work : gates.map((k) => work[k]));
  return {
    ...program,
    gates: work.length,
    operator: {
      rows: operator.rows,
      features: operator.features,
      gates: work.length,
      forward: (V, outputs, out, gates) => operator.forward(V, outputs, out, listed(gates)),
      adjoint: (xi, outputs, out, gates) => operator.adjoint(xi, outputs, out, listed(gates)),
      fits: (W, outputs, out, gates) => operator.fits(W, outputs, out, listed(gates)),
      hessian: (terms, H) => operator.hessian({ ...terms, gates: listed(terms.gates) }, H),
      dispose: () => undefined,
    },
  };
}

/** Adds the gates with the largest prices above beta: as many as are in already, at least the first size. */
function grow(isIn: Uint8Array, alive: Int32Array, prices: Float64Array, beta: number, present: number): void {
  const outside: number[] = [];
  for (let k = 0; k < alive.length; k++) if (isIn[alive[k]] === 0 && prices[k] > beta) outside.push(k);
  outside.sort((a, b) => prices[b] - prices[a]);
  for (const k of outside.slice(0, Math.max(firstSize, present))) isIn[alive[k]] = 1;
}

/** Dual norm of X' D_i V for the listed gates (largest over groups), in chunks that bound the memory. */
function priceGates(program: GatedProgram, V: Float64Array, gates: Int32Array): Float64Array {
  const { rows: n, features: d, outputs: c, penalty, operator } = program;
  const size = d * c;
  const chunk = Math.max(256, Math.floor(2e9 / (n * size)));
  const prices = new Float64Array(gates.length);
  const T = new Float64Array(Math.min(chunk, gates.length) * size);
  const sizes = new Float64Array(Math.min(chunk, gates.length) * penalty.groups);
  for (let from = 0; from < gates.length; from += chunk) {
    const some = gates.subarray(from, Math.min(gates.length, from + chunk));
    operator.adjoint(V, c, T, some);
    penalty.dualNorms(T, some.length, sizes);
    for (let k = 0; k < some.length; k++) {
      let top = 0;
      for (let g = 0; g < penalty.groups; g++) top = Math.max(top, sizes[k * penalty.groups + g]);
      prices[from + k] = top;
    }
  }
  return prices;
}

/** An upper bound of the spectral norm of D_i X for each gate: its Frobenius norm. */
function gateNorms(program: GatedProgram): Float64Array {
  const { X, rows: n, features: d, gates: P, patterns } = program;
  const squares = new Float64Array(n);
  for (let r = 0; r < n; r++) for (let k = 0; k < d; k++) squares[r] += X.data[r * d + k] * X.data[r * d + k];
  const norms = new Float64Array(P);
  for (let p = 0; p < P; p++) {
    let s = 0;
    for (let r = 0; r < n; r++) {
      if ((patterns.words[p * patterns.wordsPerPattern + (r >> 5)] >>> (r & 31)) & 1) s += squares[r];
    }
    norms[p] = Math.sqrt(s);
  }
  return norms;
}
