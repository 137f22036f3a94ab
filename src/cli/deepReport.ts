import { lossOf } from '../core/problem/datafits/losses.ts';
import { encodedName } from '../core/data/scaling.ts';
import { decodeBits } from '../shared/bits.ts';
import { idleClassWords } from '../shared/batchNorm.ts';
import type { LinearRecord, SplineRecord, StructureRecord, ThreeLayerRecord } from '../shared/depth.ts';
import type { RunRecord } from '../shared/run.ts';
import { depthWords, tooFewTuples } from '../shared/threeLayerWords.ts';
import { number, plural, table } from './reportText.ts';

const shownBranches = 10;

/** Name of encoded input k; the last one may be the bias. */
const inputName = (run: RunRecord, k: number): string => encodedName(run.scaling, k);

/** What a three-layer run adds to the summary. */
export function threeLayerLines(run: RunRecord, deep: ThreeLayerRecord): string[] {
  const rows = run.rows.line.length;
  const lines = [
    `${plural(deep.branches.length, 'branch', 'branches')} (sub-networks) with m1 = ${deep.m1}, ${plural(deep.tuples, 'tuple')} in play`,
    `penalty: ${deep.regularizer}`,
  ];
  const shown = [...deep.branches].sort((a, b) => b.share - a.share).slice(0, shownBranches);
  if (shown.length > 0) {
    lines.push(
      ...table([
        [
          '',
          run.resolved.outputs > 1 ? 'feeds' : 'sign',
          'inner',
          'norm',
          'share',
          'rows on',
          'strongest inputs per inner neuron',
        ],
        ...shown.map((branch) => [
          String(branch.id),
          run.resolved.outputs > 1 ? run.resolved.classes[branch.output] : branch.sign > 0 ? '+' : '-',
          branch.innerSigns.map((sign) => (sign > 0 ? '+' : '-')).join(''),
          number(branch.norm, 4),
          `${(100 * branch.share).toFixed(1)} %`,
          String(decodeBits(branch.second, rows).reduce((a, b) => a + b, 0)),
          branch.features
            .map((shares) => {
              const best = shares.reduce((top, share, k) => (share > shares[top] ? k : top), 0);
              return shares[best] > 0 ? `${inputName(run, best)} ${(100 * shares[best]).toFixed(0)} %` : 'off';
            })
            .join(' | '),
        ]),
      ]),
    );
    if (deep.branches.length > shown.length) lines.push(`  ... and ${deep.branches.length - shown.length} more`);
  }
  if (deep.twoLayer !== undefined) {
    lines.push(
      `two layers on the same data: objective ${number(deep.twoLayer.objective, 8)} with ${plural(deep.twoLayer.neurons, 'neuron')}; ` +
        `three layers ${number(run.solution.objective, 8)} with ${plural(deep.branches.length, 'branch', 'branches')}`,
      `  ${depthWords(run, deep, deep.twoLayer)}`,
    );
  }
  if (deep.budget !== undefined && deep.budget.length > 0) {
    lines.push(
      `value against sampled tuples: ${deep.budget.map(({ tuples, objective }) => `${tuples}: ${number(objective, 6)}`).join(', ')}`,
    );
  }
  const few = tooFewTuples(run, deep);
  if (few !== null) lines.push(few);
  if (deep.descentRuns !== undefined && deep.descentRuns.length > 0) {
    lines.push('the same architecture by gradient descent, cubic penalty:');
    lines.push(
      ...table([
        ['branches', 'seed', 'final', 'merged', 'convex on its tuples', 'neurons aligned', 'layers balanced'],
        ...deep.descentRuns.map(({ K, seed, final, merged, harvested, alignment }) => [
          String(K),
          String(seed),
          number(final, 7),
          number(merged, 7),
          harvested === null ? 'not solved' : number(harvested, 7),
          number(alignment?.at(-1)?.columns ?? null, 4),
          number(alignment?.at(-1)?.balance ?? null, 4),
        ]),
      ]),
    );
  }
  lines.push(
    `ordinary weight decay on all three layers would be another, non-convex problem (${number(deep.weightDecay.value, 7)} for these branches): --weight-decay says why`,
  );
  return lines;
}

/** What a linear run adds to the summary. */
export function linearLines(run: RunRecord, deep: LinearRecord): string[] {
  const lines = [`penalty: ${deep.penalty}`];
  deep.layers.forEach((layers, chain) => {
    if (deep.layers.length > 1) lines.push(`network of ${run.resolved.classes[chain] ?? `output ${chain + 1}`}:`);
    lines.push(
      ...table([
        ['layer', 'singular values', 'second/first', 'alignment', 'norm'],
        ...layers.map((layer, l) => [
          String(l + 1),
          layer.singularValues
            .slice(0, 4)
            .map((s) => number(s, 4))
            .join(', ') + (layer.singularValues.length > 4 ? ', ...' : ''),
          number(layer.rankOneRatio, 3),
          layer.alignment === null ? '-' : number(layer.alignment, 6),
          number(layer.frobenius, 6),
        ]),
      ]),
    );
  });
  lines.push(`zero from beta ${number(deep.threshold.betaMax, 6)} on. ${deep.threshold.message}`);
  if (deep.gap.length > 0) {
    lines.push('minimum-norm fit of serial networks against their convex dual, by depth:');
    lines.push(
      ...table([
        ['layers', 'serial', 'dual', 'gap', 'parallel branches, run'],
        ...deep.gap.map(({ depth, primal, dual, built }) => [
          String(depth),
          number(primal, 7),
          number(dual, 7),
          number(Math.max(0, primal - dual) / Math.max(primal, 1e-300), 3),
          built === undefined ? 'not built' : number(built.parallel, 7),
        ]),
      ]),
    );
  }
  if (deep.parallel !== undefined) {
    lines.push(
      `parallel branches of ${deep.parallel.depth} layers at this beta, penalty on the last two layers: objective ${number(deep.parallel.objective, 9)}, proven bound ${number(deep.parallel.dualBound, 9)}`,
    );
  }
  const last = deep.training?.at(-1);
  if (last !== undefined) {
    lines.push(
      `gradient descent on the layers ends at ${number(last.objective, 8)} after ${plural(last.epoch, 'epoch')}: ` +
        `second/first singular value per layer ${last.layers.map((layer) => number(layer.rankOneRatio, 2)).join(', ')}` +
        (deep.layers.length > 1
          ? '; that is one serial network for all outputs, another problem than one network per output, so the objectives do not compare'
          : ''),
    );
  }
  return lines;
}

function splineLines(spline: SplineRecord): string[] {
  const { feature, loss, output, kinks, kinkDistance, objective, dualBound, regularized, interpolation, repeated } =
    spline;
  const where = (distance: number): string =>
    distance < 1e-9 ? 'at data points' : `up to ${number(distance, 2)} of the span off the data`;
  const what =
    output === null ? '' : lossOf(loss).targets === 'signs' ? `, log-odds of ${output}` : `, class ${output}`;
  const shown = kinks
    .slice(0, 8)
    .map(({ at }) => number(at, 6))
    .join(', ');
  const places = kinks.length === 0 ? '' : `: ${shown}${kinks.length > 8 ? ', ...' : ''} (${where(kinkDistance)})`;
  const inside =
    regularized === null
      ? ''
      : `; bias inside the norm: ${plural(regularized.kinks.length, 'kink')}, ${where(regularized.kinkDistance)}`;
  const limit =
    interpolation === null
      ? 'no interpolation limit: some values have rows of one class only, so the fit grows without bound as beta falls'
      : `interpolation limit ${number(interpolation.norm, 8)} with ${plural(interpolation.kinks.length, 'kink')}`;
  const lines = [
    `  spline in ${feature}${what}: ${plural(kinks.length, 'kink')}${places}, objective ${number(objective, 8)}, dual bound ${number(dualBound, 8)}${inside}; ${limit}`,
  ];
  if (repeated.abscissae > 0) {
    const means =
      interpolation === null
        ? ''
        : `: the interpolation limit takes their ${lossOf(loss).targets === 'signs' ? 'log-odds' : 'mean'}`;
    lines.push(
      `  ${plural(repeated.abscissae, 'value')} of ${feature} occur in several rows, ${repeated.conflicting} of them with different targets${means}`,
    );
  }
  return lines;
}

/** Closed forms that apply, the spline, class means: one line each. */
export function structureLines(structure: StructureRecord): string[] {
  const lines: string[] = [];
  for (const form of structure.forms) {
    if (!form.applies) continue;
    const value = form.objective === undefined ? '' : ` Value ${number(form.objective, 9)}`;
    const check =
      form.solverObjective === undefined
        ? value && '.'
        : `, solver ${number(form.solverObjective, 9)} (relative difference ${number(form.difference ?? null, 2)}).`;
    lines.push(`  ${form.title}. ${form.reason}${value}${check}`);
  }
  const { rankOne, batchNorm } = structure;
  if (rankOne !== undefined) {
    lines.push(
      `  deep ReLU networks on rank-one data${rankOne.asPosed ? '' : ' (without the bias)'}, built and run: ` +
        rankOne.depths
          .map(
            ({ depth, primal, dual, relativeGap }) =>
              `${depth} layers ${number(primal, 8)}, dual ${number(dual, 8)} (gap ${number(Math.max(0, relativeGap), 2)})`,
          )
          .join('; '),
    );
    for (const { depth, dual, training, branches } of rankOne.depths) {
      const end = training?.branches[0];
      if (training === undefined || end === undefined || branches.length === 0) continue;
      const aligned = Math.min(1, ...end.layers.flatMap(({ alignment }) => (alignment === null ? [] : [alignment])));
      const norms = end.layers.map(({ frobenius }) => frobenius);
      lines.push(
        `    gradient descent, ${depth} layers: ${number(training.final, 8)}, ${number((100 * (training.final - dual)) / Math.max(Math.abs(dual), 1e-300), 3)} % above the dual; ` +
          `of its largest branch second/first singular value at most ${number(Math.max(...end.layers.map(({ rankOneRatio }) => rankOneRatio)), 2)}, ` +
          `alignment at least ${number(aligned, 6)}, norms ${number(Math.min(...norms), 4)} to ${number(Math.max(...norms), 4)}`,
      );
    }
  }
  if (batchNorm !== undefined) {
    lines.push(
      `  batch normalisation before the last layer, 0/1 classes: network ${number(batchNorm.objective, 8)}, formula ${number(batchNorm.formula, 8)}, ` +
        `lower bound ${number(batchNorm.dualBound, 8)}; right on ${(100 * batchNorm.trainAccuracy).toFixed(1)} % of the training rows` +
        (batchNorm.testAccuracy === null ? '' : ` and ${(100 * batchNorm.testAccuracy).toFixed(1)} % of the others`) +
        (batchNorm.interpolationError < 1e-6
          ? ''
          : `; its inner layers miss the targets by up to ${number(batchNorm.interpolationError, 2)}`),
    );
    const idle = idleClassWords(batchNorm);
    if (idle !== '') lines.push(`    ${idle}`);
  }
  for (const spline of structure.splines ?? []) lines.push(...splineLines(spline));
  for (const { source, classes, deviation, withinOverBetween } of structure.collapse ?? []) {
    const name = {
      inputs: 'inputs',
      network: 'features of this network',
      'batch-norm': 'batch-normalised closed form',
      'batch-norm-test': 'the same on held-out rows',
    }[source];
    // around their centre two means are opposite whatever the features are
    const shape = classes.length === 2 ? '' : `largest distance of a cosine from the simplex ${number(deviation, 3)}, `;
    lines.push(`  class means, ${name}: ${shape}scatter within over between ${number(withinOverBetween, 3)}`);
  }
  return lines.length === 0 && structure.notes.length === 0
    ? []
    : [
        'structure of the data:',
        ...(lines.length > 0 ? lines : ['  no closed form applies']),
        ...structure.notes.map((note) => `  ${note}`),
      ];
}
