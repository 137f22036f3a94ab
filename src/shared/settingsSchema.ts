import * as v from 'valibot';
import { lossNames } from '../core/problem/datafits/losses.ts';
import { sizeBounds, type TrainSettings } from './settings.ts';

const count = (least: number, most: number): v.GenericSchema<number> =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const between = (least: number, most: number): v.GenericSchema<number> =>
  v.pipe(v.number(), v.finite(), v.minValue(least), v.maxValue(most));
const positive = (most: number): v.GenericSchema<number> =>
  v.pipe(v.number(), v.finite(), v.gtValue(0), v.maxValue(most));
const name = v.pipe(v.string(), v.maxLength(10_000));

/** Bounds of every training setting. What enters from outside (settings.json, command arguments, files) passes through here. */
export const trainSettingsSchema = v.object({
  dialect: v.optional(
    v.object({
      delimiter: v.optional(
        v.pipe(
          v.string(),
          v.check(
            (text) => [...text].length === 1 && text !== '\n' && text !== '"',
            'the delimiter is one character, or tab or space',
          ),
        ),
      ),
      quote: v.optional(v.picklist(['"', "'", '\\"', ''])),
      encoding: v.optional(v.pipe(v.string(), v.maxLength(40))),
      skip: v.optional(count(0, 10_000)),
      comment: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(20))),
      na: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(100))), v.maxLength(100))),
      decimal: v.optional(v.picklist(['.', ','])),
      header: v.optional(v.boolean()),
    }),
  ),
  columnTypes: v.optional(
    v.record(name, v.picklist(['number', 'classes', 'date', 'date-day-first', 'date-month-first', 'leave-out'])),
  ),
  target: name,
  task: v.picklist(['auto', 'regression', 'binary', 'multiclass']),
  features: v.pipe(v.array(name), v.maxLength(100_000)),
  model: v.picklist(['gated-relu', 'relu', 'three-layer', 'linear']),
  m1: count(sizeBounds.m1.least, sizeBounds.m1.most),
  depth: count(sizeBounds.depth.least, sizeBounds.depth.most),
  loss: v.picklist(['auto', ...lossNames]),
  delta: v.optional(positive(1e6)),
  beta: v.object({ kind: v.picklist(['auto', 'relative', 'absolute']), value: positive(1e12) }),
  arrangements: v.picklist(['sampled', 'adaptive', 'all']),
  gates: count(1, 100_000),
  seed: count(0, 4_294_967_295),
  bias: v.picklist(['none', 'regularized', 'free']),
  standardize: v.boolean(),
  whiten: v.optional(v.boolean()),
  batchNorm: v.optional(v.boolean()),
  outputPenalty: v.picklist(['per-output', 'frobenius', 'nuclear']),
  missing: v.picklist(['auto', 'drop', 'impute']),
  testFraction: between(0, 0.9),
  maxRows: count(0, 1_000_000_000),
  tolerance: between(1e-12, 0.1),
  timeLimitSeconds: positive(86_400),
  certifySeconds: between(0, 86_400),
  memoryGiB: v.optional(between(0.01, 1024)),
  path: v.object({ points: count(0, 200), smallest: between(1e-6, 0.99) }),
  crossValidation: v.optional(v.object({ folds: count(2, 50), rule: v.picklist(['smallest', 'one-standard-error']) })),
  compare: v.object({
    enabled: v.boolean(),
    optimizers: v.pipe(v.array(v.picklist(['sgd', 'momentum', 'adam'])), v.maxLength(3)),
    seeds: count(1, 50),
    epochs: count(1, 1_000_000),
    batchSize: count(0, 1_000_000),
  }),
}) satisfies v.GenericSchema<TrainSettings, TrainSettings>;
