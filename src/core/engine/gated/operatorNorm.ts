import { norm2 } from '../../base/linalg/matrix.ts';
import { createRng } from '../../base/rng.ts';
import type { EngineRun, GatedProgram } from './program.ts';

/**
 * Estimate from below of the largest eigenvalue of A A', A = [D_1 X ... D_P X], by power iterations from a fixed random start. After a stop it is that
 * of the rounds so far: whoever uses it looks for the stop next.
 */
export function operatorNormSquared(
  program: GatedProgram,
  rounds: number,
  { shouldStop }: Pick<EngineRun, 'shouldStop'>,
): number {
  const { rows: n, features: d, gates: P, operator } = program;
  const rng = createRng(1);
  let x = Float64Array.from({ length: n }, () => rng.normal());
  const T = new Float64Array(P * d);
  let value = 0;
  for (let k = 0; k < rounds && !(k > 0 && shouldStop()); k++) {
    const size = norm2(x);
    if (size === 0) return 0;
    for (let i = 0; i < n; i++) x[i] /= size;
    operator.adjoint(x, 1, T);
    const y = new Float64Array(n);
    operator.forward(T, 1, y);
    value = norm2(y);
    x = y;
  }
  return value;
}
