import { interruptible } from '../../base/kernels/interrupt.ts';
import { createReferenceKernels } from '../../base/kernels/reference.ts';
import type { Control } from '../../base/control.ts';
import { ConeLagrangian } from './coneLagrangian.ts';
import type { ConeProgram, ConeProgramResult, ConeStart, OnStep } from './coneTypes.ts';

/**
 * Semismooth Newton augmented Lagrangian (Li, Sun, Toh 2018; Zhang, Zhang, Sun, Toh 2020 for groups) for the cone-constrained ReLU program (Pilanci and
 * Ergen 2020), on its dual  min_V l*(-V)  subject to  sup over u in K_g, ||u|| <= 1 of sign_g V'D_g X u  being at most beta for every group.
 * The cones stay inside the prox, u_g = prox(u_g + sigma sign_g X'D_g V): one warm-started projection on a polyhedral cone and a
 * shrinkage, whose derivative has the rank of the face that the projection lies on. So cone rows cost nothing in the Newton system, only active groups
 * enter it, and every iterate is feasible.
 */
export function solveConeProgram(
  program: ConeProgram,
  tolerance: number,
  control: Control,
  start?: ConeStart,
  onStep?: OnStep,
): ConeProgramResult {
  const kernels = program.kernels ?? createReferenceKernels();
  const shouldStop = (): boolean => control.shouldStop();
  return interruptible(kernels, shouldStop, () => {
    const method = new ConeLagrangian({ ...program, kernels }, control, start);
    try {
      return method.run(tolerance, start === undefined, onStep);
    } finally {
      method.dispose();
    }
  });
}
