import * as v from 'valibot';
import { schemaWords } from '../core/base/schemaWords.ts';
import * as vscode from 'vscode';
import { configurationSection } from '../shared/manifest.ts';
import { fieldOf, flatSettings, withField } from '../shared/settingKinds.ts';
import { defaultSettings, trainingTable, type TrainSettings } from '../shared/settings.ts';
import { trainSettingsSchema } from '../shared/settingsSchema.ts';

/**
 * The training settings that hold for a file: the product's defaults under the user's and the folder's settings. A value that
 * does not fit (settings.json takes anything) is named in the log and the default is used.
 */
export function readTrainingSettings(resource: vscode.Uri, log: vscode.LogOutputChannel): TrainSettings {
  const configuration = vscode.workspace.getConfiguration(configurationSection, resource);
  let settings: TrainSettings = defaultSettings;
  for (const [name, { perFile, option }] of flatSettings(trainingTable)) {
    const given = perFile ? undefined : configuration.get<unknown>(name);
    // null leaves it to what is found out
    if (given === undefined || given === null) continue;
    const value = typeof given === 'string' ? (option?.spellings?.[given] ?? given) : given;
    const parsed = v.safeParse(trainSettingsSchema, withField(settings, name, value));
    if (parsed.success) settings = parsed.output;
    else
      log.warn(
        `Setting ${configurationSection}.${name}: ${schemaWords(parsed.issues[0])}; the default ${JSON.stringify(fieldOf(defaultSettings, name))} is used.`,
      );
  }
  return settings;
}
