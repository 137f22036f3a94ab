import { certifyFlow, type FlowCertificate } from '../core/theory/flow/flowCertificate.ts';
import {
  defaultFlowOptions,
  type FlowNetwork,
  gradientFlow,
  type FlowResult,
} from '../core/theory/flow/gradientFlow.ts';
import type { DenseMatrix } from '../core/base/linalg/matrix.ts';
import type { Control } from '../core/base/control.ts';
import type { FlowCertificateRecord, FlowRunRecord } from '../shared/labFlow.ts';
import type { Plane } from './labFlow.ts';

const shownPaths = 24;
const proofSeconds = 5;
/** Relative residual of the stationarity conditions below which a run counts as converged. */
export const stationaryBelow = 1e-2;
/** Relative distance of value and bound below which an end counts as global. */
const globalBelow = 1e-2;

/** How a run starts: at random, or from the end of another one with a neuron put in (`before`: the ends up to there). */
export type FlowStart =
  | { readonly neurons: number; readonly initScale: number }
  | { readonly network: FlowNetwork; readonly before: FlowRunRecord['before'] };

/** Gradient flow from one start, with its certificate, as the page shows it. */
export function flowRun(
  X: DenseMatrix,
  y: Float64Array,
  start: FlowStart,
  options: { readonly seed: number; readonly steps: number; readonly plane: Plane },
  control: Control,
): {
  readonly record: FlowRunRecord;
  readonly end: FlowNetwork;
  readonly certificate: FlowCertificate;
  readonly cancelled: boolean;
} {
  const continued = 'network' in start;
  const flow = gradientFlow(
    X,
    y,
    {
      ...defaultFlowOptions,
      seed: options.seed,
      maxSteps: options.steps,
      ...(continued ? { start: start.network } : { width: start.neurons, initScale: start.initScale }),
    },
    control,
  );
  const certificate = certifyFlow(
    X,
    y,
    flow.network,
    {
      tolerance: globalBelow,
      residualTolerance: stationaryBelow,
      certifySeconds: flow.stopped ? 0 : proofSeconds,
      seed: options.seed,
    },
    control,
  );
  return {
    end: flow.network,
    certificate,
    cancelled: flow.stopped,
    record: recordOf(flow, certificate, { ...options, before: continued ? start.before : [] }),
  };
}

function recordOf(
  { network, snapshots, steps, stopped, settled, atRest, onKinks }: FlowResult,
  certificate: FlowCertificate,
  { seed, before, plane }: { readonly seed: number; readonly before: FlowRunRecord['before']; readonly plane: Plane },
): FlowRunRecord {
  const { inputs: d, W, a } = network;
  const m = a.length;
  const sizes = Array.from({ length: m }, (_, j) => {
    let s = a[j] * a[j];
    for (let k = 0; k < d; k++) s += W[j * d + k] ** 2;
    return s;
  });
  const total = sizes.reduce((s, size) => s + size, 0);
  const order = sizes.map((_, j) => j).sort((i, j) => sizes[j] - sizes[i]);
  const scale = certificate.margin > 0 ? 1 / Math.sqrt(certificate.margin) : 1;
  return {
    seed,
    before,
    neurons: m,
    steps,
    status: stopped ? 'cancelled' : 'complete',
    ended: stopped ? 'stopped' : settled ? 'settled' : atRest ? 'at-rest' : 'steps',
    onKinks,
    at: snapshots.map(({ step }) => step),
    loss: snapshots.map(({ logLoss }) => Math.exp(logLoss)),
    margin: snapshots.map(({ normalizedMargin }) => normalizedMargin),
    drift: snapshots.map(({ balanceDrift, norm }) => balanceDrift * norm * norm),
    paths: order.slice(0, shownPaths).map((j) => ({
      sign: Math.sign(a[j]),
      share: sizes[j] / total,
      xy: snapshots.flatMap((snapshot) => plane.project(snapshot.network.W.subarray(j * d, (j + 1) * d))),
    })),
    certificate: certificateRecord(certificate),
    w: Array.from({ length: m }, (_, j) => Array.from(W.subarray(j * d, (j + 1) * d), (value) => scale * value)),
    a: Array.from(a, (value) => scale * value),
  };
}

const verdicts: Record<FlowCertificate['verdict'], FlowCertificateRecord['verdict']> = {
  global: 'global',
  'stationary-only': 'kkt-not-global',
  'not-separated': 'not-separated',
  'not-converged': 'not-converged',
  undecided: 'not-converged',
};

function certificateRecord(certificate: FlowCertificate): FlowCertificateRecord {
  const { primal, nu, nuUpper, residual, lambda, sentence, lowerBound, suggestion } = certificate;
  const verdict = verdicts[certificate.verdict];
  const separated = verdict !== 'not-separated';
  return {
    verdict,
    primal: Number.isFinite(primal) ? primal : null,
    bound: lowerBound,
    nu: separated ? nu : null,
    nuUpper: Number.isFinite(nuUpper) ? nuUpper : null,
    stationarity: Number.isFinite(residual) ? residual : null,
    lambda,
    sentence,
    suggested:
      verdict !== 'global' && suggestion !== null && (!separated || suggestion.value > 1 + globalBelow)
        ? { direction: suggestion.direction, sign: suggestion.sign }
        : null,
  };
}
