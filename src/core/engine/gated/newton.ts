import { relativeGap } from '../../problem/gap.ts';
import { createConjugateSide } from '../../problem/conjugate.ts';
import { type ActivePart, NewtonSystem } from './newtonSystem.ts';
import { type EngineResult, type EngineRun, type EngineState, type GatedProgram, untilInterrupted } from './program.ts';

/** Factor of the penalty parameter from one outer iteration to the next. */
const growth = 4;
/** A warm start may take longer steps from the beginning; its last sigma would be too long for another beta. */
const warmGrowth = 10;
/** Newton steps that one outer iteration may take before sigma is judged too large. */
const innerLimit = 50;
/** Residual of a Newton system solved iteratively, over its right-hand side: smaller ones take more products, larger ones more steps. */
const stepAccuracy = 1e-2;
/** sigma never exceeds this multiple of its start: beyond it rounding outweighs what a longer step gains. */
const largestGrowth = 1e12;

/**
 * Semismooth Newton augmented Lagrangian for the gated program (Li, Sun, Toh 2018 for the Lasso; Zhang, Zhang, Sun, Toh 2020
 * for groups), on its dual  min_V l*(-V)  subject to the dual norm of A'V being at most beta.
 *
 * Outer iteration k keeps the multiplier U_k (the primal blocks) and minimises over V
 *   psi(V) = l*(-V) + ||prox(U_k + sigma A'V)||^2 / (2 sigma),   gradient  A U(V) - F(V),  U(V) = prox(U_k + sigma A'V)
 * by Newton steps on its generalised Hessian, then sets U_k := U(V) and enlarges sigma. Every U(V) is feasible, and V scaled into
 * the dual constraint is too, so that the true duality gap of each step is known and decides when to stop.
 *
 * All gates in `work` take part; blocks of other gates are held at zero.
 */
export function solveNewton(program: GatedProgram, start: EngineState, work: Int32Array, run: EngineRun): EngineResult {
  const { rows: n, features: d, outputs: c, gates: P, datafit, penalty, beta, operator } = program;
  const size = d * c;
  const m = work.length;
  const length = m * size;
  const all = m === P;
  const list = all ? undefined : work;

  const Uk = new Float64Array(length);
  for (let k = 0; k < m; k++) Uk.set(start.U.subarray(work[k] * size, (work[k] + 1) * size), k * size);
  const U = new Float64Array(length);
  const W = new Float64Array(length);
  const T = new Float64Array(length);
  const sizes = new Float64Array(m * penalty.groups);
  const fit = new Float64Array(n * c);
  const gradient = new Float64Array(n * c);
  const step = new Float64Array(n * c);
  const pointStep = new Float64Array(n * c);
  const pointBefore = new Float64Array(n * c);
  const product = new Float64Array(n * c);
  const L = new Float64Array(n * c * datafit.factorCols);
  const candidate = new Float64Array(n * c);
  const scaled = new Float64Array(n * c);
  const best = {
    objective: Infinity,
    dualBound: -Infinity,
    U: new Float64Array(length),
    V: new Float64Array(n * c),
  };

  const side = createConjugateSide(datafit, start.V);
  const candidateT = side.candidateIsPoint ? T : new Float64Array(length);
  const firstSigma = initialSigma(program) * (start.isWarm ? warmGrowth : 1);
  let sigma = firstSigma;
  let activeCount = 0;
  let activeGates = new Int32Array(0);
  let activeBlocks = new Float64Array(0);
  let penaltyValue = 0;

  /** Everything that follows from the point: V, F, A'V, W, U, fit, gradient. Returns psi. */
  const evaluate = (dualMoved = true): number => {
    const conjugate = side.update();
    if (dualMoved) operator.adjoint(side.V, c, T, list);
    for (let i = 0; i < length; i++) W[i] = Uk[i] + sigma * T[i];
    penaltyValue = penalty.prox(W, m, sigma * beta, U, sizes);
    collectActive();
    operator.forward(activeBlocks, c, fit, activeGates);
    let squares = 0;
    for (let i = 0; i < activeBlocks.length; i++) squares += activeBlocks[i] * activeBlocks[i];
    for (let i = 0; i < n * c; i++) gradient[i] = fit[i] - side.F[i];
    return conjugate + squares / (2 * sigma);
  };

  const collectActive = (): void => {
    const found: number[] = [];
    const { groups } = penalty;
    activeCount = 0;
    for (let k = 0; k < m; k++) {
      let on = false;
      for (let g = 0; g < groups; g++) {
        if (sizes[k * groups + g] > sigma * beta) {
          on = true;
          activeCount++;
        }
      }
      if (on) found.push(k);
    }
    activeGates = new Int32Array(found.length);
    activeBlocks = new Float64Array(found.length * size);
    found.forEach((k, t) => {
      activeGates[t] = work[k];
      activeBlocks.set(U.subarray(k * size, (k + 1) * size), t * size);
    });
    activeIndex = found;
  };
  let activeIndex: number[] = [];

  const activePart = (): ActivePart => {
    const part = new Float64Array(activeIndex.length * size);
    activeIndex.forEach((k, t) => part.set(W.subarray(k * size, (k + 1) * size), t * size));
    return { gates: activeGates, W: part, threshold: sigma * beta, sigma };
  };

  /** Updates the best primal and dual points; returns the relative gap between them. */
  const measure = (): number => {
    const objective = datafit.value(fit) + beta * penaltyValue;
    if (objective < best.objective) {
      best.objective = objective;
      best.U.set(U);
    }
    side.dualCandidate(candidate);
    if (!side.candidateIsPoint) operator.adjoint(candidate, c, candidateT, list);
    const top = penalty.dualNorms(candidateT, m, sizes);
    const t = Math.min(1, beta / top);
    for (let i = 0; i < n * c; i++) scaled[i] = t * candidate[i];
    const bound = datafit.dualValue(scaled);
    if (bound > best.dualBound) {
      best.dualBound = bound;
      best.V.set(candidate);
    }
    return relativeGap(best.objective, best.dualBound);
  };

  const system = new NewtonSystem(program, () => run.shouldStop());
  let iterations = 0;
  const finish = (status: EngineResult['status']): EngineResult => {
    const full = new Float64Array(P * size);
    for (let k = 0; k < m; k++) full.set(best.U.subarray(k * size, (k + 1) * size), work[k] * size);
    const methods = system.methodsUsed;
    system.dispose();
    return {
      status,
      U: full,
      V: best.V,
      dualBound: best.dualBound,
      isWarm: true,
      iterations,
      method: `semismooth Newton augmented Lagrangian${methods.length > 0 ? ` (${methods.join(', ')})` : ''}`,
    };
  };

  const iterate = (): EngineResult => {
    // the starting point is the first candidate: a stop at once gives nothing worse than the zero network or the warm start
    operator.forward(Uk, c, fit, list);
    best.objective = datafit.value(fit) + beta * penalty.value(Uk, m);
    best.U.set(Uk);
    let psi = evaluate();
    let gap = measure();
    run.report(iterations, best.objective, best.dualBound, activeCount, 'start');
    let stalled = 0;
    for (let outer = 0; ; outer++) {
      let inner = 0;
      let noProgress = false;
      for (; inner < innerLimit; inner++) {
        if (gap <= run.tolerance) return finish('optimal');
        if (run.shouldStop()) return finish('stopped');
        if (iterations >= run.maxIterations) return finish('iteration-limit');
        const residual = norm(gradient);
        // criterion (B) of Rockafellar 1976 in the form of Li, Sun, Toh 2018, for a conjugate of strong convexity 1 / Lipschitz
        let moved = 0;
        for (let i = 0; i < length; i++) moved += (U[i] - Uk[i]) * (U[i] - Uk[i]);
        const enough = Math.sqrt(moved / sigma);
        if (inner > 0 && residual <= 0.5 * enough) break;

        const noise = Math.max(1e-12, Math.min(1e-2, 1e-2 * residual));
        side.curvatureFactor(L, noise);
        const part = activePart();
        const accuracy = { relative: stepAccuracy, consistent: side.movesFit };
        if (!system.solve(part, L, gradient, accuracy, step)) {
          return finish(run.shouldStop() ? 'stopped' : 'numerical-error');
        }
        if (side.movesFit) {
          system.apply(part, step, product);
          for (let i = 0; i < n * c; i++) pointStep[i] = gradient[i] + sigma * product[i];
        } else pointStep.set(step);
        let slope = 0;
        for (let i = 0; i < n * c; i++) slope += gradient[i] * step[i];
        pointBefore.set(side.point);
        let t = 1;
        let accepted = false;
        for (let trial = 0; trial < 30; trial++, t *= 0.5) {
          for (let i = 0; i < n * c; i++) side.point[i] = pointBefore[i] + t * pointStep[i];
          const value = evaluate();
          iterations += trial === 0 ? 1 : 0;
          if (value <= psi + 1e-4 * t * slope || norm(gradient) <= 0.5 * residual) {
            psi = value;
            accepted = true;
            break;
          }
          // differences of psi below its rounding decide nothing: then the residual does
          if (Math.abs(t * slope) <= 1e-13 * (1 + Math.abs(psi)) && norm(gradient) <= residual) {
            psi = value;
            accepted = true;
            break;
          }
        }
        if (!accepted) {
          side.point.set(pointBefore);
          psi = evaluate();
          noProgress = true;
        }
        gap = measure();
        run.report(iterations, best.objective, best.dualBound, activeCount, 'Newton step');
        if (noProgress) break;
      }
      stalled = noProgress && inner === 0 ? stalled + 1 : 0;
      if (stalled >= 3) return finish(gap <= run.tolerance ? 'optimal' : 'numerical-error');
      Uk.set(U);
      if (noProgress || inner === innerLimit) {
        // the inner problem was too hard: shorter proximal steps make it better conditioned
        sigma /= growth * growth;
        side.recentre(1);
      } else {
        sigma = Math.min(sigma * growth, firstSigma * largestGrowth);
        side.recentre(growth);
      }
      psi = evaluate(false);
      gap = measure();
    }
  };
  return untilInterrupted(iterate, () => finish('stopped'));
}

/** A first penalty parameter in the units of the problem: half of one over the mean squared row length (factors 0.1 to 10 matter little). */
function initialSigma(program: GatedProgram): number {
  let squares = 0;
  for (let i = 0; i < program.X.data.length; i++) squares += program.X.data[i] * program.X.data[i];
  const mean = squares / program.rows;
  return mean > 0 ? 0.5 / mean : 1;
}

function norm(v: Float64Array): number {
  let s = 0;
  for (let i = 0; i < v.length; i++) s += v[i] * v[i];
  return Math.sqrt(s);
}
