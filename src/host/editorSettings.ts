import * as v from 'valibot';
import * as vscode from 'vscode';
import type { FormulaCells } from '../core/data/formulaCells.ts';
import { configurationSection } from '../shared/manifest.ts';
import { editorTable } from '../shared/settings.ts';
import { editorSettingsSchema } from '../shared/settingsSchema.ts';

const formulas = 'export.formulas';

/** What becomes of texts in exported tables that a spreadsheet would run; what is no choice counts as the default. */
export function formulaSetting(): FormulaCells {
  const value = vscode.workspace.getConfiguration(configurationSection).get<unknown>(formulas);
  const parsed = v.safeParse(editorSettingsSchema.entries.export, { formulas: value });
  return parsed.success ? parsed.output.formulas : editorTable.export.group.formulas.fallback!;
}

/** What is said about a table in which `count` texts were neutralised. */
export function formulaRemark(count: number): string {
  return vscode.l10n.t(
    'An apostrophe was put before {0} texts that a spreadsheet would run as formulas; the setting "{1}" keeps them as they are.',
    count,
    `${configurationSection}.${formulas}`,
  );
}

/** How many runs are kept on disk, as the settings say, which may be anything. */
export function keepRuns(): unknown {
  const keep = editorTable.runs.group.keep.fallback;
  return vscode.workspace.getConfiguration(configurationSection).get<unknown>('runs.keep', keep);
}
