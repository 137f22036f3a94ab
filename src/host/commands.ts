import * as v from 'valibot';
import * as vscode from 'vscode';
import { commandIds, extensionId, type CommandId } from '../shared/manifest.ts';
import type { RunSummary } from '../shared/runSummary.ts';
import { trainSettingsSchema } from '../shared/settingsSchema.ts';
import type { ExportKind } from '../worker/api.ts';
import { askNumber } from './askNumber.ts';
import { showError } from './errors.ts';
import type { Explorer } from './explorer.ts';
import type { LabPanels } from './lab/labPanels.ts';
import { activeTable, pickFile } from './pickFile.ts';
import { nameLimit } from './runs/runStore.ts';
import { predictOnFile } from './predictOnFile.ts';
import type { RunNode } from './runs/runTree.ts';
import { pickSample } from './samples.ts';
import { exportRunTo } from './saveFile.ts';
import { turnIntoRelu } from './turnIntoRelu.ts';
import type { Dataset } from './train/dataset.ts';
import { TaskFailure } from './train/taskFailure.ts';
import { readTrainingSettings } from './trainingSettings.ts';
import { askLine, type ListItem, notify, pickFrom } from './ui.ts';
import { type ModelChoice, modelChoiceSchema, modelSteps } from './wizard/modelSteps.ts';
import { Cancelled, runSteps } from './wizard/multiStep.ts';
import { askChoices } from './wizard/trainWizard.ts';

type Handler = (...args: unknown[]) => Promise<unknown>;

/**
 * Registers every command of the extension. Commands that train give the summary of the run, or undefined. One table of all commands, in the
 * order of the manifest: long because there are many, and each entry stands alone.
 */
export function registerCommands(
  explorer: Explorer,
  labs: LabPanels,
  context: vscode.ExtensionContext,
): vscode.Disposable[] {
  const { log } = explorer;
  const handlers: Record<CommandId, Handler> = {
    [commandIds.train]: (from) => train(explorer, from),
    [commandIds.trainAgain]: (uri) => trainAgain(explorer, uri),
    [commandIds.stop]: () => Promise.resolve(explorer.stop()),

    [commandIds.setBeta]: async (beta) => {
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
    },
    [commandIds.halveBeta]: () => scaleBeta(explorer, 0.5),
    [commandIds.doubleBeta]: () => scaleBeta(explorer, 2),
    [commandIds.pickBetaFromPath]: () => pickBetaFromPath(explorer),

    [commandIds.switchModel]: async (model) => {
      const dataset = withRun(explorer);
      const { settings } = dataset.run.record;
      const asked = model === undefined ? await askModel(dataset) : v.parse(modelArguments, model);
      const choice = typeof asked === 'string' ? { model: asked } : asked;
      return (
        choice && explorer.train(dataset, v.parse(trainSettingsSchema, { ...settings, batchNorm: false, ...choice }))
      );
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

    [commandIds.openRun]: async (run) => {
      const id = idOf(run) ?? (await pickRun(explorer));
      return id === undefined ? undefined : explorer.openRun(id);
    },
    [commandIds.renameRun]: async (run, name) => {
      const id = idOf(run) ?? (await pickRun(explorer));
      if (id !== undefined) await renameRun(explorer, id, name);
    },
    [commandIds.pinRun]: async (run) => {
      const id = idOf(run) ?? (await pickRun(explorer));
      if (id !== undefined) await explorer.store.pin(id, explorer.store.get(id)?.pinned !== true);
    },
    [commandIds.deleteRun]: async (run) => {
      const id = idOf(run) ?? (await pickRun(explorer));
      if (id !== undefined) await deleteRun(explorer, id);
    },

    [commandIds.exportRun]: (run) => exportAs(explorer, 'run', run),
    [commandIds.exportPredictions]: (run) => exportAs(explorer, 'predictions', run),
    [commandIds.exportProblem]: (run) => exportAs(explorer, 'problem', run),
    [commandIds.exportCertificate]: (run) => exportAs(explorer, 'proof', run),
    [commandIds.exportModel]: async (run) => {
      withRunOf(explorer, run);
      const what = await pickModelFormat();
      return what === undefined ? undefined : exportAs(explorer, what, run);
    },

    [commandIds.predictOnFile]: async (uri) => {
      const dataset = withRun(explorer);
      const file = uri instanceof vscode.Uri ? uri : await pickFile(vscode.l10n.t('Predict on Another CSV'));
      return file && predictOnFile(dataset, file);
    },
    [commandIds.turnIntoRelu]: async (format) =>
      turnIntoRelu(withRun(explorer), v.parse(v.optional(v.picklist(['onnx', 'json', 'pytorch'])), format)),

    [commandIds.openLab]: async (uri) => {
      const file =
        uri instanceof vscode.Uri
          ? uri
          : (activeTable() ?? explorer.current?.uri ?? (await pickFile(vscode.l10n.t('Open Lab'))));
      if (file) labs.open(file);
    },
    [commandIds.openSamples]: async () => {
      const sample = await pickSample(context);
      return sample === undefined ? undefined : train(explorer, sample);
    },
    [commandIds.openSettings]: async () => {
      await vscode.commands.executeCommand('workbench.action.openSettings', `@ext:${extensionId}`);
    },
    [commandIds.showLog]: () => Promise.resolve(log.show()),
  };
  return Object.entries(handlers).map(([id, handler]) =>
    vscode.commands.registerCommand(id, async (...args: unknown[]) => {
      try {
        return await handler(...args);
      } catch (error) {
        void showError(error, explorer.current?.uri ?? null, log);
        return undefined;
      }
    }),
  );
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
  if (!file) return undefined;
  const dataset = explorer.dataset(file);
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

type DatasetWithRun = Dataset & { readonly run: NonNullable<Dataset['run']> };

function withRun(explorer: Explorer): DatasetWithRun {
  const dataset = explorer.current;
  if (!dataset?.run) throw new TaskFailure({ message: vscode.l10n.t('Train a network or open a run first.') });
  return dataset as DatasetWithRun;
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

async function pickRun(explorer: Explorer): Promise<string | undefined> {
  const items = explorer.store.list().map((run) => ({
    label: run.label,
    description: new Date(run.createdAt).toLocaleString(),
    id: run.id,
  }));
  if (items.length === 0) throw new TaskFailure({ message: vscode.l10n.t('There are no runs in this workspace yet.') });
  const picked = await pickFrom(items, {
    title: vscode.l10n.t('Runs'),
  });
  return picked?.id;
}

async function pickModelFormat(): Promise<ExportKind | undefined> {
  const items: readonly (ListItem & { readonly what: ExportKind })[] = [
    { label: 'ONNX', detail: vscode.l10n.t('Takes rows in original units.'), what: 'onnx' },
    { label: 'JSON', detail: vscode.l10n.t('Weights, scaling and column names.'), what: 'json' },
    { label: 'PyTorch', detail: vscode.l10n.t('A Python file that builds the network.'), what: 'pytorch' },
  ];
  const picked = await pickFrom(items, {
    title: vscode.l10n.t('Export model'),
  });
  return picked?.what;
}

/** A run from the tree (its node), by its id, or the one that is open. */
function withRunOf(explorer: Explorer, run: unknown): void {
  if (idOf(run) === undefined) withRun(explorer);
}

async function exportAs(explorer: Explorer, what: ExportKind, run: unknown): Promise<vscode.Uri | undefined> {
  const id = idOf(run);
  if (id !== undefined && explorer.current?.run?.summary.id !== id) await explorer.openRun(id);
  return exportRunTo(withRun(explorer), what);
}

function idOf(run: unknown): string | undefined {
  if (typeof run === 'string') return run;
  if (typeof run !== 'object' || run === null || !('kind' in run)) return undefined;
  const node = run as RunNode;
  return node.kind === 'dataset' ? undefined : node.run.id;
}

async function renameRun(explorer: Explorer, id: string, given: unknown): Promise<void> {
  const name =
    typeof given === 'string'
      ? given
      : await askLine(vscode.l10n.t('Rename Run'), {
          prompt: vscode.l10n.t(
            'A name of your own; empty for the one that was made from file, target, beta and verdict.',
          ),
          value: explorer.store.get(id)?.label ?? '',
          refuse: (text) =>
            text.trim().length > nameLimit ? vscode.l10n.t('At most {0} characters.', nameLimit) : undefined,
        });
  if (name !== undefined) await explorer.store.rename(id, name);
}

async function deleteRun(explorer: Explorer, id: string): Promise<void> {
  const label = explorer.store.get(id)?.label ?? id;
  const restore = await explorer.store.remove(id);
  const undo = vscode.l10n.t('Undo');
  const picked = await notify.info(vscode.l10n.t('Deleted the run {0}.', label), undo);
  if (picked === undo) await restore();
}
