import { type FlowCertificate, withSuggestedNeuron } from '../core/theory/flow/flowCertificate.ts';
import type { FlowNetwork } from '../core/theory/flow/gradientFlow.ts';
import { separabilityReport } from '../core/theory/flow/separability.ts';
import { type DenseMatrix, norm2, rowOf } from '../core/base/linalg/matrix.ts';
import type { Control } from '../core/base/control.ts';
import type { LabSettings, LabVerdict } from '../shared/lab.ts';
import type { FlowResult, FlowRunRecord, MarginRecord } from '../shared/labFlow.ts';
import { type LabRows, withOnes } from './labData.ts';
import { flowRun, type FlowStart, stationaryBelow } from './labFlowRun.ts';
import { LabRefusal } from './labRefusal.ts';
import { marginRecord, marginVerdict } from './labMargin.ts';
import type { SessionDeps } from './context.ts';

/** The max-margin program has cubic cost in the rows and many patterns: beyond this a sample is offered. */
export const flowRowLimit = 400;

/** Where the runs of the last task ended, to train on from. */
export interface FlowMemory {
  readonly sha256: string;
  readonly inputs: number;
  readonly ends: readonly {
    readonly seed: number;
    readonly network: FlowNetwork;
    readonly certificate: FlowCertificate;
    readonly record: FlowRunRecord;
  }[];
}

export interface FlowOutcome {
  readonly result: FlowResult;
  readonly verdicts: readonly LabVerdict[];
  readonly cancelled: boolean;
  readonly memory: FlowMemory | null;
}

export function refuseTooManyMarginRows(rows: number): void {
  if (rows > flowRowLimit) {
    throw new LabRefusal(
      `the max-margin program on ${rows} rows is too large for this page; the limit is ${flowRowLimit} rows`,
      {
        label: 'Use a sample of 100 rows',
        settings: { maxRows: 100 },
      },
    );
  }
}

/** A plane through the origin on which directions are drawn. */
export interface Plane {
  readonly axes: readonly [string, string];
  readonly exact: boolean;
  project(direction: ArrayLike<number>): [number, number];
}

/**
 * Two inputs: the plane itself. More: the plane of the strongest max-margin neuron of each sign, or where there is none of the mean
 * rows of the two classes; directions appear shorter the more they leave it.
 */
export function planeOf(X: DenseMatrix, y: Float64Array, names: readonly string[], margin: MarginRecord | null): Plane {
  const d = X.cols;
  if (d === 1) return { axes: [names[0], '0'], exact: true, project: (u) => [u[0] / Math.abs(u[0] || 1), 0] };
  if (d === 2) {
    return {
      axes: [names[0], names[1]],
      exact: true,
      project: (u) => {
        const size = Math.hypot(u[0], u[1]) || 1;
        return [u[0] / size, u[1] / size];
      },
    };
  }
  const strongest = (sign: number): Float64Array | undefined => {
    const mine = (margin?.neurons ?? []).filter((neuron) => neuron.sign === sign);
    const top = mine.sort((a, b) => norm2(Float64Array.from(b.u)) - norm2(Float64Array.from(a.u)))[0];
    return top && Float64Array.from(top.u);
  };
  const mean = (label: number): Float64Array => {
    const out = new Float64Array(d);
    for (let i = 0; i < X.rows; i++) if (y[i] === label) rowOf(X, i).forEach((value, k) => (out[k] += value));
    return out;
  };
  const optimal = strongest(1) !== undefined && strongest(-1) !== undefined;
  const first = optimal ? strongest(1)! : mean(1);
  const second = optimal ? strongest(-1)! : mean(-1);
  const unit = (v: Float64Array): Float64Array => {
    const size = norm2(v) || 1;
    return v.map((value) => value / size);
  };
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
    let s = 0;
    for (let k = 0; k < d; k++) s += a[k] * b[k];
    return s;
  };
  const e1 = unit(first);
  let e2 = unit(second.map((value, k) => value - dot(second, e1) * e1[k]));
  if (norm2(e2) < 0.5) {
    // Both on one line: any direction across it.
    const k = e1.reduce((best, value, i) => (Math.abs(value) < Math.abs(e1[best]) ? i : best), 0);
    const axis = new Float64Array(d);
    axis[k] = 1;
    e2 = unit(axis.map((value, i) => value - e1[k] * e1[i]));
  }
  return {
    axes: optimal
      ? ['strongest positive max-margin neuron', 'strongest negative one, made orthogonal']
      : ['mean of class +1', 'mean of class −1, made orthogonal'],
    exact: false,
    project: (u) => {
      let size = 0;
      for (let k = 0; k < d; k++) size += u[k] * u[k];
      size = Math.sqrt(size) || 1;
      return [dot(u, e1) / size, dot(u, e2) / size];
    },
  };
}

export async function labFlow(
  rows: LabRows,
  settings: LabSettings['flow'],
  memory: FlowMemory | null,
  deps: SessionDeps,
  control: Control,
  say: (message: string, fraction: number | null, cell?: string) => void,
): Promise<FlowOutcome> {
  const X = settings.bias ? withOnes(rows.X) : rows.X;
  const names = settings.bias ? [...rows.names, 'bias'] : rows.names;
  refuseTooManyMarginRows(X.rows);
  const report = separabilityReport(X, rows.y);
  say(
    'Max-margin program',
    null,
    `Data report: ${report.theorem === 'none' ? 'no theorem guarantees a global limit' : report.theorem}`,
  );
  await deps.pause();
  const margin = marginRecord(X, rows.y, settings.seed, control);
  say('Max-margin program', null, `Max-margin program: ${margin.status}`);
  const plane = planeOf(X, rows.y, names, margin);
  const starts = startsOf(rows, X, settings, memory);
  const ends: FlowMemory['ends'][number][] = [];
  for (const { seed, start, kept } of starts) {
    // What is global already, or was not reached before a stop, stays as it is.
    if (start === null || control.shouldStop()) {
      if (kept !== null) ends.push(kept);
      continue;
    }
    say(`Gradient flow, start ${seed}`, ends.length / starts.length);
    await deps.pause();
    const { record, end, certificate } = flowRun(X, rows.y, start, { seed, steps: settings.steps, plane }, control);
    ends.push({ seed, network: end, certificate, record });
    say(`Start ${seed}`, ends.length / starts.length, `Start ${seed}: ${record.certificate.sentence}`);
  }
  const runs = ends.map((end) => end.record);
  const directions = Array.from({ length: X.rows }, (_, i) => {
    const [x, y] = plane.project(rowOf(X, i));
    return { x, y, label: rows.y[i] };
  });
  const optimal = margin.neurons.map(({ u, sign }) => {
    const [x, y] = plane.project(u);
    return { x, y, sign };
  });
  return {
    result: { report, margin, runs, plane: { axes: plane.axes, exact: plane.exact }, rows: directions, optimal },
    verdicts: [
      reportVerdict(report),
      marginVerdict(margin),
      ...endVerdicts(report, margin, runs),
      ...insertionVerdict(runs),
    ],
    cancelled: control.shouldStop(),
    memory: { sha256: rows.data.sha256, inputs: X.cols, ends },
  };
}

/** Random starts, or the ends of the last runs with their suggested neurons put in (no start: nothing is suggested). */
function startsOf(
  rows: LabRows,
  X: DenseMatrix,
  settings: LabSettings['flow'],
  memory: FlowMemory | null,
): { readonly seed: number; readonly start: FlowStart | null; readonly kept: FlowMemory['ends'][number] | null }[] {
  if (memory === null) {
    return Array.from({ length: settings.seeds }, (_, k) => ({
      seed: settings.seed + k,
      start: { neurons: settings.neurons, initScale: settings.initScale },
      kept: null,
    }));
  }
  if (memory.sha256 !== rows.data.sha256 || memory.inputs !== X.cols) {
    throw new LabRefusal(
      'the last runs were on other rows, so their networks cannot be trained on; run the page again',
    );
  }
  return memory.ends.map((kept) => {
    const { seed, network, certificate, record } = kept;
    if (record.certificate.suggested === null || certificate.suggestion === null) return { seed, start: null, kept };
    return {
      seed,
      start: {
        network: withSuggestedNeuron(X, network, { suggestion: certificate.suggestion, margin: certificate.margin }),
        before: [...record.before, { value: record.certificate.primal, loss: record.loss.at(-1)! }],
      },
      kept,
    };
  });
}

/** Whether every run whose suggested neuron was put in ended below its value before, or its loss where it did not separate. */
function insertionVerdict(runs: readonly FlowRunRecord[]): LabVerdict[] {
  const inserted = runs.flatMap(({ before, loss, certificate: { primal, verdict } }) => {
    const last = before.at(-1);
    const settled = verdict === 'global' || verdict === 'kkt-not-global';
    return last === undefined ? [] : [{ before: last, after: { value: primal, loss: loss.at(-1)! }, settled }];
  });
  if (inserted.length === 0) return [];
  const drops = inserted.map(({ before, after }) =>
    before.value === null ? 1 - after.loss / before.loss : after.value === null ? -1 : 1 - after.value / before.value,
  );
  const least = Math.min(...drops);
  // a flow that has not come to rest may still fall below
  const settled = inserted.every((one, i) => drops[i] > 0 || one.settled);
  const words = ({ value, loss }: FlowRunRecord['before'][number]): string =>
    value === null ? `not separated (loss ${loss.toPrecision(4)})` : value.toPrecision(6);
  return [
    {
      id: 'insertion',
      title: 'A suggested neuron lowers the value, or the loss of rows not yet separated',
      quantity: 'least relative drop after insertion',
      value: least,
      tolerance: [0, null],
      verdict: least > 0 ? 'agrees' : settled ? 'disagrees' : 'not tested',
      sentence: `${inserted.length} run${inserted.length === 1 ? '' : 's'} trained on with the suggested neuron: ${inserted
        .slice(0, 6)
        .map(({ before, after }) => `${words(before)} became ${words(after)}`)
        .join('; ')}${inserted.length > 6 ? '; …' : ''}.`,
    },
  ];
}

/** How many runs end at a global optimum, and whether that fits the theorem that applies. */
function endVerdicts(report: FlowResult['report'], margin: MarginRecord, runs: readonly FlowRunRecord[]): LabVerdict[] {
  const done = runs.filter(({ certificate: { verdict } }) => verdict === 'global' || verdict === 'kkt-not-global');
  const apart = runs.filter((run) => run.certificate.verdict === 'not-separated').length;
  const global = done.filter((run) => run.certificate.verdict === 'global').length;
  const promised = report.theorem === 'orthogonal-separable';
  const best = Math.min(...runs.map((run) => run.certificate.primal ?? Infinity));
  const words =
    runs.length === 0
      ? 'No run was finished.'
      : `Of ${runs.length} run${runs.length === 1 ? '' : 's'} ${global} ended at a global optimum, ${done.length - global} at a stationary point that is not global, ` +
        `${runs.length - done.length - apart} had not converged (conditions of optimality to ${stationaryBelow})` +
        (apart === 0
          ? '.'
          : `, and ${apart} did not separate the rows${margin.status === 'not-separable' ? ', which no network can' : margin.value === null ? '' : ', which some network does'}.`) +
        (Number.isFinite(best) && margin.value !== null
          ? ` Best value ${best.toPrecision(6)}, smallest possible ${margin.value.toPrecision(6)}.`
          : '') +
        (promised
          ? ' The theorem says that all that converge are global.'
          : ' No theorem says that they have to be global on these rows.');
  return [
    {
      id: 'flow-ends',
      title: 'Where gradient flow ends',
      quantity: 'share of the converged runs that are global',
      value: done.length === 0 ? null : global / done.length,
      tolerance: promised ? [1, 1] : [0, 1],
      verdict: done.length === 0 || !promised ? 'not tested' : global === done.length ? 'agrees' : 'disagrees',
      sentence: words,
    },
  ];
}

function reportVerdict(report: FlowResult['report']): LabVerdict {
  const worst = report.orthogonalOffenders[0];
  return {
    id: 'orthogonal-separable',
    title: 'Which theorem holds on these rows',
    quantity: 'worst cosine of a pair of rows that breaks orthogonal separability',
    value: worst ? worst.cosine : 0,
    tolerance: [0, 0],
    verdict: report.theorem === 'none' ? 'not tested' : 'agrees',
    sentence:
      `${report.orthogonalSeparable ? 'Orthogonally separable' : 'Not orthogonally separable'}, ${report.spikeFree ? 'spike-free' : 'not spike-free'}. ` +
      report.consequence,
  };
}
