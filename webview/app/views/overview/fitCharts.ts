import { lossOf } from '../../../../src/core/problem/datafits/losses.ts';
import type { RunRecord, ShapeRecord } from '../../../../src/shared/run.ts';
import type { ChartSpec, SeriesSpec, Tone } from '../../../charts/spec.ts';
import type { Certainty } from '../../../charts/surface/surfaceModel.ts';
import { formatCount, formatLine, formatNumber } from '../../../ui/format.ts';
import { isClassification, outputName } from '../../runData.ts';
import { curveAt, residuals } from './fitModel.ts';

/** How outputs are probabilities of classes, for losses that model some; the others order classes only. */
export function certaintyOf({ resolved }: Pick<RunRecord, 'resolved'>): Certainty {
  const { logLoss, targets } = lossOf(resolved.loss);
  if (logLoss === undefined) return null;
  return targets === 'classes' ? 'together' : 'each';
}

/** Fitted function of one feature over the data, with its kinks. */
export function curveChart(run: RunRecord, shape: Extract<ShapeRecord, { kind: 'curve' }>): ChartSpec {
  const series: SeriesSpec[] = [0, 1].map((split) => {
    const at = shape.points.split.flatMap((s, i) => (s === split ? [i] : []));
    return {
      id: split === 0 ? 'train' : 'test',
      label: split === 0 ? 'training rows' : 'test rows',
      kind: 'points',
      x: at.map((i) => shape.points.x[i]),
      y: at.map((i) => shape.points.y[i]),
      tone: split === 0 ? 'training' : 'test',
      mark: split === 0 ? 'circle' : 'diamond',
      hollow: split === 1,
    };
  });
  shape.y.forEach((y, output) => {
    const many = shape.y.length > 1;
    series.push({
      id: `fit-${output}`,
      label: many ? `network: ${outputName(run, output)}` : 'network',
      kind: 'line',
      x: shape.x,
      y,
      tone: many ? ((output % 6) as Tone) : 'network',
      width: 2.5,
      dash: many && output > 0 ? [3 + 3 * output, 3] : undefined,
    });
    if (output === 0) {
      series.push({
        id: 'kinks',
        label: 'kinks',
        kind: 'points',
        x: shape.kinks,
        y: shape.kinks.map((kink) => curveAt(shape.x, y, kink)),
        tone: 'network',
        hollow: true,
        mark: 'square',
      });
    }
  });
  const inside = shape.kinks.filter((k) => k >= shape.x[0] && k <= shape.x[shape.x.length - 1]).length;
  return {
    id: 'fitted-curve',
    title: 'Fitted function',
    summary: `The network is a piecewise linear function of ${shape.feature}; it bends at ${formatCount(inside, 'place')} in this range, where a neuron switches.`,
    x: { label: shape.feature },
    y: { label: isClassification(run) ? 'network output' : run.resolved.target },
    height: 300,
    series: series.filter((s) => s.x.length > 0),
  };
}

/** Target minus prediction over the prediction. */
export function residualChart(run: RunRecord): ChartSpec {
  const series = [0, 1].map((split): SeriesSpec => {
    const { rows, predicted, residual } = residuals(run, split);
    return {
      id: split === 0 ? 'train' : 'test',
      label: split === 0 ? 'training rows' : 'test rows',
      kind: 'points',
      x: predicted,
      y: residual,
      tone: split === 0 ? 'training' : 'test',
      mark: split === 0 ? 'circle' : 'diamond',
      hollow: split === 1,
      describe: (i) => `line ${formatLine(run.rows.line[rows[i]])}, target ${formatNumber(run.rows.target[rows[i]])}`,
    };
  });
  return {
    id: 'residuals',
    title: 'Residuals',
    summary: 'Target minus prediction against prediction. Structure here is what the network leaves unexplained.',
    action: 'Enter or click opens the row.',
    x: { label: `predicted ${run.resolved.target}` },
    y: { label: 'target − prediction' },
    height: 300,
    series: series.filter((s) => s.x.length > 0),
    guides: [{ axis: 'y', value: 0, label: '', tone: 'muted' }],
    empty: 'There are no predictions to compare.',
  };
}
