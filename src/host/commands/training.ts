import * as v from 'valibot';
import * as vscode from 'vscode';
import { commandIds } from '../../shared/manifest.ts';
import type { RunSummary } from '../../shared/runSummary.ts';
import { trainSettingsSchema } from '../../shared/settingsSchema.ts';
import { askNumber } from '../askNumber.ts';
import { showError } from '../errors.ts';
import type { Explorer } from '../explorer.ts';
import { pickFile } from '../pickFile.ts';
import { pickSample } from '../samples.ts';
import { TaskFailure } from '../train/taskFailure.ts';
import { readTrainingSettings } from '../trainingSettings.ts';
import { pickFrom } from '../ui.ts';
import { sourceToRead } from '../unsavedText.ts';
import { type ModelChoice, modelChoiceSchema, modelSteps } from '../wizard/modelSteps.ts';
import { Cancelled, runSteps } from '../wizard/multiStep.ts';
import { askChoices } from '../wizard/trainWizard.ts';
import { type DatasetWithRun, type Handlers, withRun } from './handlers.ts';

/** Commands that train; they give the summary of the run, or undefined. */
export function trainingCommands(
  explorer: Explorer,
  context: vscode.ExtensionContext,
): Handlers<
  | typeof commandIds.train
  | typeof commandIds.trainAgain
  | typeof commandIds.stop
  | typeof commandIds.openSamples
  | typeof commandIds.switchModel
  | typeof commandIds.compareModels
  | typeof commandIds.setGates
  | typeof commandIds.setSeed
> {
  return {
    [commandIds.train]: (from) => train(explorer, from),
    [commandIds.trainAgain]: (uri) => trainAgain(explorer, uri),
    [commandIds.stop]: () => Promise.resolve(explorer.stop()),
    [commandIds.openSamples]: async () => {
      const sample = await pickSample(context);
      return sample === undefined ? undefined : train(explorer, sample);
    },
    [commandIds.switchModel]: async (model) => {
      const dataset = withRun(explorer);
      const { settings } = dataset.run.record;
      const asked = model === undefined ? await askModel(dataset) : v.parse(modelArguments, model);
      const choice = typeof asked === 'string' ? { model: asked } : asked;
      return (
        choice && explorer.train(dataset, v.parse(trainSettingsSchema, { ...settings, batchNorm: false, ...choice }))
      );
    },
    [commandIds.compareModels]: async () => {
      const dataset = withRun(explorer);
      explorer.showPanel(dataset).openView('sparsity');
      return explorer.compareModels(dataset);
    },
    [commandIds.setGates]: (gates) =>
      changeSetting(
        explorer,
        gates,
        'gates',
        vscode.l10n.t('Number of gates'),
        vscode.l10n.t('A whole number from 1.'),
      ),
    [commandIds.setSeed]: (seed) =>
      changeSetting(explorer, seed, 'seed', vscode.l10n.t('Seed'), vscode.l10n.t('A whole number from 0.')),
  };
}

/** Commands that solve the open run again at another beta. */
export function betaCommands(
  explorer: Explorer,
): Handlers<
  | typeof commandIds.setBeta
  | typeof commandIds.halveBeta
  | typeof commandIds.doubleBeta
  | typeof commandIds.pickBetaFromPath
> {
  return {
    [commandIds.setBeta]: (beta) => setBeta(explorer, beta),
    [commandIds.halveBeta]: () => scaleBeta(explorer, 0.5),
    [commandIds.doubleBeta]: () => scaleBeta(explorer, 2),
    [commandIds.pickBetaFromPath]: () => pickBetaFromPath(explorer),
  };
}

async function setBeta(explorer: Explorer, beta: unknown): Promise<RunSummary | undefined> {
  const dataset = withRun(explorer);
  const { beta: now, betaMax } = dataset.run.record.resolved;
  const asked =
    beta ??
    (await askNumber({
      title: vscode.l10n.t('Regularization beta'),
      prompt: vscode.l10n.t(
        'A positive number, or a share of beta max such as "0.1 max". Beta max is {0}: from there on the network is zero.',
        betaMax.toPrecision(4),
      ),
      value: String(now),
      unit: { name: 'max', value: betaMax },
      positive: true,
    }));
  return asked === undefined ? undefined : explorer.setBeta(dataset, v.parse(positiveNumber, asked));
}

/** What a key binding or another extension may pass to Switch Model: the model, with its size when that is to change. */
const modelArguments = v.union([
  modelChoiceSchema.entries.model,
  v.object({
    model: modelChoiceSchema.entries.model,
    m1: v.optional(modelChoiceSchema.entries.m1),
    depth: v.optional(modelChoiceSchema.entries.depth),
    batchNorm: modelChoiceSchema.entries.batchNorm,
  }),
]);

const positiveNumber = v.pipe(v.number(), v.finite(), v.gtValue(0));

/** What a key binding or another extension may pass to Train: training settings that replace the steps. */
const trainArguments = v.object({
  uri: v.union([v.custom<vscode.Uri>((value) => value instanceof vscode.Uri), v.pipe(v.string(), v.minLength(1))]),
  settings: v.optional(v.partial(trainSettingsSchema)),
  /** What is read where settings are given; else the person is asked. */
  source: v.optional(v.picklist(['text', 'file'])),
});

/** `from`: a file (menus), `trainArguments`, or nothing (palette). */
async function train(explorer: Explorer, from: unknown): Promise<RunSummary | undefined> {
  const given = from === undefined || from instanceof vscode.Uri ? undefined : v.parse(trainArguments, from);
  const place = given?.uri ?? from;
  const file =
    place instanceof vscode.Uri
      ? place
      : typeof place === 'string'
        ? vscode.Uri.parse(place, true)
        : await pickFile(vscode.l10n.t('Train Convex Network'));
  const source = file && (given?.settings === undefined ? await sourceToRead(file, 'train') : (given.source ?? 'file'));
  if (!file || !source) return undefined;
  const dataset = explorer.dataset(file);
  await dataset.readFrom(source);
  const defaults = readTrainingSettings(file, explorer.log);
  const inUse = dataset.use();
  try {
    const chosen = given?.settings ?? (await askChoices(dataset, defaults));
    return chosen && (await explorer.train(dataset, { ...defaults, ...chosen }));
  } catch (error) {
    void showError(error, file, explorer.log);
    return undefined;
  } finally {
    inUse.dispose();
  }
}

async function trainAgain(explorer: Explorer, uri: unknown): Promise<RunSummary | undefined> {
  const dataset = uri instanceof vscode.Uri ? explorer.dataset(uri) : explorer.current;
  if (!dataset) return train(explorer, undefined);
  const newest = explorer.store.listFor(dataset.uri.toString()).at(0);
  if (!dataset.run && newest) await dataset.open(newest.id);
  const last = (dataset.state === 'failed' ? dataset.asked : null) ?? dataset.run?.record.settings;
  return last ? explorer.train(dataset, last) : train(explorer, dataset.uri);
}

function scaleBeta(explorer: Explorer, factor: number): Promise<RunSummary | undefined> {
  const dataset = withRun(explorer);
  return explorer.setBeta(dataset, dataset.run.record.resolved.beta * factor);
}

async function pickBetaFromPath(explorer: Explorer): Promise<RunSummary | undefined> {
  const dataset = withRun(explorer);
  const { path, resolved } = dataset.run.record;
  if (!path || path.points.length === 0)
    throw new TaskFailure({ message: vscode.l10n.t('This run has no regularization path.') });
  const score = (value: number | null): string => (value === null ? '–' : value.toPrecision(4));
  const items = path.points.map((point) => ({
    label: point.beta.toPrecision(4),
    description: vscode.l10n.t('{0} neurons', point.active),
    detail: `${path.measure}: ${vscode.l10n.t('train')} ${score(point.train)}, ${vscode.l10n.t('test')} ${score(point.test)}`,
    beta: point.beta,
  }));
  const picked = await pickFrom(items, {
    title: vscode.l10n.t('Beta from the path (now {0})', resolved.beta.toPrecision(4)),
  });
  return picked && explorer.setBeta(dataset, picked.beta);
}

/** Model and size in steps; undefined when the person closes it. */
async function askModel({ run }: DatasetWithRun): Promise<ModelChoice | undefined> {
  const { settings } = run.record;
  const choice: { value: ModelChoice } = { value: settings };
  try {
    await runSteps(vscode.l10n.t('Model'), () => modelSteps(choice, settings.loss));
  } catch (error) {
    if (error instanceof Cancelled) return undefined;
    throw error;
  }
  const { model, m1, depth, batchNorm } = choice.value;
  return { model, m1, depth, batchNorm };
}

async function changeSetting(
  explorer: Explorer,
  given: unknown,
  field: 'gates' | 'seed',
  title: string,
  prompt: string,
): Promise<RunSummary | undefined> {
  const dataset = withRun(explorer);
  const { settings } = dataset.run.record;
  const schema = trainSettingsSchema.entries[field];
  const value =
    given ??
    (await askNumber({ title, prompt, value: String(settings[field]), accept: (n) => v.safeParse(schema, n).success }));
  return value === undefined
    ? undefined
    : explorer.train(dataset, v.parse(trainSettingsSchema, { ...settings, [field]: value }));
}
