import * as v from 'valibot';
import * as vscode from 'vscode';
import { configurationSection, trainingSettings } from '../shared/manifest.ts';
import { defaultSettings, type TrainSettings } from '../shared/settings.ts';
import { trainSettingsSchema } from '../shared/settingsSchema.ts';

/**
 * The training settings that hold for a file: the product's defaults under the user's and the folder's settings. A value that
 * does not fit (settings.json takes anything) is named in the log and the default is used.
 */
export function readTrainingSettings(resource: vscode.Uri, log: vscode.LogOutputChannel): TrainSettings {
  const configuration = vscode.workspace.getConfiguration(configurationSection, resource);
  let settings: TrainSettings = defaultSettings;
  for (const [field, key] of Object.entries(trainingSettings)) {
    const value = configuration.get<unknown>(key);
    if (value === undefined) continue;
    const parsed = v.safeParse(trainSettingsSchema, withField(settings, field, value));
    if (parsed.success) settings = parsed.output;
    else
      log.warn(
        `Setting ${configurationSection}.${key}: ${parsed.issues[0].message}; the default ${JSON.stringify(fieldOf(defaultSettings, field))} is used.`,
      );
  }
  return settings;
}

/** A copy with one field changed; `field` may be nested ("path.points"). */
function withField(settings: TrainSettings, field: string, value: unknown): unknown {
  const [outer, inner] = field.split('.');
  if (inner === undefined) return { ...settings, [outer]: value };
  return { ...settings, [outer]: { ...(fieldOf(settings, outer) as object), [inner]: value } };
}

function fieldOf(settings: TrainSettings, field: string): unknown {
  return field.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], settings);
}
