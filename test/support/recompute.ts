import type { RunRecord } from '../../src/shared/run.ts';

/**
 * The outputs and the training objective of a run, from the record and the cells of the file alone, straight from the
 * definitions: encode, run the network, add loss and penalty. Shares no code with the product.
 */
export function recompute(
  run: RunRecord,
  cellsOfRow: readonly (readonly string[])[],
  header: readonly string[],
): { readonly outputs: number[][]; readonly objective: number } {
  const { scaling, neurons, resolved, settings } = run;
  const columns = scaling.inputs.map(({ column }) => header.indexOf(column));
  const outputs = cellsOfRow.map((cells) => {
    const x = scaling.inputs.map(({ category, mean, scale }, k) => {
      const cell = cells[columns[k]];
      return ((category === undefined ? Number(cell) : Number(cell === category)) - mean) / scale;
    });
    const along = (weights: readonly number[], bias: number): number =>
      weights.reduce((sum, w, k) => sum + w * x[k], bias);
    return Array.from({ length: resolved.outputs }, (_, o) =>
      neurons.reduce((sum, { weights, bias, outer, gateDirection }) => {
        const h = along(weights, bias);
        const on = gateDirection === undefined ? h > 0 : along(gateDirection.weights, gateDirection.bias) >= 0;
        return sum + (on ? h * outer[o] : 0);
      }, run.outputOffset?.[o] ?? 0),
    );
  });
  let loss = 0;
  outputs.forEach((f, i) => {
    if (run.rows.split[i] === 1) return;
    const target = run.rows.target[i];
    switch (resolved.loss) {
      case 'squared': {
        const wanted =
          resolved.task === 'regression'
            ? [(target - scaling.target.mean) / scaling.target.scale]
            : f.map((_, o) => (f.length === 1 ? 2 * target - 1 : target === o ? 1 : -1));
        f.forEach((value, o) => (loss += 0.5 * (value - wanted[o]) ** 2));
        break;
      }
      case 'logistic':
        f.forEach((value, o) => {
          const y = f.length === 1 ? 2 * target - 1 : target === o ? 1 : -1;
          loss += Math.log(1 + Math.exp(-y * value));
        });
        break;
      case 'huber': {
        const delta = run.settings.delta ?? 1;
        f.forEach((value) => {
          const error = Math.abs(value - (target - scaling.target.mean) / scaling.target.scale);
          loss += error <= delta ? 0.5 * error * error : delta * (error - 0.5 * delta);
        });
        break;
      }
      case 'softmax':
        loss += Math.log(f.reduce((sum, value) => sum + Math.exp(value), 0)) - f[target];
        break;
      case 'hinge':
        f.forEach((value) => (loss += Math.max(0, 1 - (2 * target - 1) * value)));
        break;
    }
  });
  // Weight decay: the penalty of neurons that feed all outputs, and of those that feed one for the per-output penalty.
  const penalty = neurons.reduce(
    (sum, { weights, bias, outer }) =>
      sum +
      weights.reduce((s, w) => s + w * w, settings.bias === 'regularized' ? bias * bias : 0) +
      outer.reduce((s, a) => s + a * a, 0),
    0,
  );
  return { outputs, objective: loss + 0.5 * resolved.beta * penalty };
}
