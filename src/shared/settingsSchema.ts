import { editorTable, trainingTable } from './settings.ts';
import { tableSchema } from './tableSchema.ts';

/** Bounds of every training setting. What enters from outside (settings.json, command arguments, files) passes through here. */
export const trainSettingsSchema = tableSchema(trainingTable);

/** Bounds of the settings that are about the editor. */
export const editorSettingsSchema = tableSchema(editorTable);
