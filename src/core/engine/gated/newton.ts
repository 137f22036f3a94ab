import { AugmentedLagrangian } from './augmentedLagrangian.ts';
import { NewtonSystem } from './newtonSystem.ts';
import { untilInterrupted } from '../../base/kernels/interrupt.ts';
import { type EngineResult, type EngineRun, type EngineState, type GatedProgram } from './program.ts';

/** Newton steps that one outer iteration may take before sigma is judged too large. */
const innerLimit = 50;
/** Residual of a Newton system solved iteratively, over its right-hand side: smaller ones take more products, larger ones more steps. */
const stepAccuracy = 1e-2;
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
  const point = new AugmentedLagrangian(program, start, work);
  const system = new NewtonSystem(program, () => run.shouldStop());
  const newton = new NewtonStep(program, point, system);
  const { best } = point;
  const finish = (status: EngineResult['status']): EngineResult => {
    const size = program.features * program.outputs;
    const full = new Float64Array(program.gates * size);
    work.forEach((gate, k) => full.set(best.U.subarray(k * size, (k + 1) * size), gate * size));
    const methods = system.methodsUsed;
    system.dispose();
    return {
      status,
      U: full,
      V: best.V,
      dualBound: best.dualBound,
      isWarm: true,
      iterations: newton.steps,
      method: `semismooth Newton augmented Lagrangian${methods.length > 0 ? ` (${methods.join(', ')})` : ''}`,
    };
  };
  const report = (phase: string): void => {
    run.report(newton.steps, best.objective, best.dualBound, point.activeCount, phase);
  };

  const iterate = (): EngineResult => {
    point.begin();
    let psi = point.evaluate();
    let gap = point.measure();
    report('start');
    let stalled = 0;
    for (;;) {
      let inner = 0;
      let noProgress = false;
      for (; inner < innerLimit; inner++) {
        if (gap <= run.tolerance) return finish('optimal');
        if (run.shouldStop()) return finish('stopped');
        if (newton.steps >= run.maxIterations) return finish('iteration-limit');
        const residual = norm(point.gradient);
        // criterion (B) of Rockafellar 1976 in the form of Li, Sun, Toh 2018, for a conjugate of strong convexity 1 / Lipschitz
        if (inner > 0 && residual <= 0.5 * point.proximalDistance()) break;
        const slope = newton.direction(residual);
        if (slope === undefined) return finish(run.shouldStop() ? 'stopped' : 'numerical-error');
        const reached = newton.lineSearch(psi, slope, residual);
        noProgress = reached === undefined;
        psi = reached ?? point.evaluate();
        gap = point.measure();
        report('Newton step');
        if (noProgress) break;
      }
      stalled = noProgress && inner === 0 ? stalled + 1 : 0;
      if (stalled >= 3) return finish(gap <= run.tolerance ? 'optimal' : 'numerical-error');
      point.takeMultiplier(noProgress || inner === innerLimit);
      psi = point.evaluate(false);
      gap = point.measure();
    }
  };
  return untilInterrupted(iterate, () => finish('stopped'));
}

/** One Newton step on psi. */
class NewtonStep {
  /** Steps so far. */
  steps = 0;
  private readonly step: Float64Array;
  /** What the step means for the point that moves, V or F. */
  private readonly pointStep: Float64Array;
  private readonly pointBefore: Float64Array;
  private readonly product: Float64Array;
  private readonly L: Float64Array;

  constructor(
    { rows, outputs, datafit }: GatedProgram,
    private readonly lagrangian: AugmentedLagrangian,
    private readonly system: NewtonSystem,
  ) {
    const size = rows * outputs;
    this.step = new Float64Array(size);
    this.pointStep = new Float64Array(size);
    this.pointBefore = new Float64Array(size);
    this.product = new Float64Array(size);
    this.L = new Float64Array(size * datafit.factorCols);
  }

  /** Solves for the step; returns the slope of psi along it, undefined when stopped or not solvable. */
  direction(residual: number): number | undefined {
    const { lagrangian, system, step, pointStep, product, L } = this;
    const { side, gradient, sigma } = lagrangian;
    side.curvatureFactor(L, Math.max(1e-12, Math.min(1e-2, 1e-2 * residual)));
    const part = lagrangian.activePart();
    const accuracy = { relative: stepAccuracy, consistent: side.movesFit };
    if (!system.solve(part, L, gradient, accuracy, step)) return undefined;
    if (side.movesFit) {
      system.apply(part, step, product);
      for (let i = 0; i < step.length; i++) pointStep[i] = gradient[i] + sigma * product[i];
    } else pointStep.set(step);
    let slope = 0;
    for (let i = 0; i < step.length; i++) slope += gradient[i] * step[i];
    return slope;
  }

  /** Halves the step until psi falls enough; returns psi there, undefined (and the point where it was, not evaluated) when it never does. */
  lineSearch(psi: number, slope: number, residual: number): number | undefined {
    const { lagrangian, pointStep, pointBefore } = this;
    const { side, gradient } = lagrangian;
    pointBefore.set(side.point);
    let t = 1;
    for (let trial = 0; trial < 30; trial++, t *= 0.5) {
      for (let i = 0; i < pointStep.length; i++) side.point[i] = pointBefore[i] + t * pointStep[i];
      const value = lagrangian.evaluate();
      this.steps += trial === 0 ? 1 : 0;
      if (value <= psi + 1e-4 * t * slope || norm(gradient) <= 0.5 * residual) return value;
      // differences of psi below its rounding decide nothing: then the residual does
      if (Math.abs(t * slope) <= 1e-13 * (1 + Math.abs(psi)) && norm(gradient) <= residual) return value;
    }
    side.point.set(pointBefore);
    return undefined;
  }
}

function norm(v: Float64Array): number {
  let s = 0;
  for (let i = 0; i < v.length; i++) s += v[i] * v[i];
  return Math.sqrt(s);
}
