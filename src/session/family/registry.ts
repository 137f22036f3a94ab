import type { ModelName } from '../../core/problem/problem.ts';
import { ProblemError } from '../../core/base/problemError.ts';
import type { Family } from './family.ts';
import { linear } from './linear.ts';
import { threeLayer } from './threeLayer.ts';
import { gatedRelu, relu } from './twoLayer.ts';

const families: Readonly<Record<ModelName, Family>> = {
  'gated-relu': gatedRelu,
  relu,
  'three-layer': threeLayer,
  linear,
};

/**
 * The family that a model name stands for; the one place that chooses by it.
 * @throws {ProblemError} for a name that no family has
 */
export function familyOf(model: ModelName): Family {
  if (!Object.hasOwn(families, model)) {
    const known = Object.keys(families).join(', ');
    throw new ProblemError(`there is no model "${String(model)}"; there are ${known}`, { field: 'model' });
  }
  return families[model];
}
