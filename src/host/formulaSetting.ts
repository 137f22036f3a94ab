import * as vscode from 'vscode';
import type { FormulaCells } from '../core/data/formulaCells.ts';
import { configurationSection, editorSettings } from '../shared/manifest.ts';

/** What becomes of texts in exported tables that a spreadsheet would run; anything but "keep" neutralises them. */
export function formulaSetting(): FormulaCells {
  const value = vscode.workspace.getConfiguration(configurationSection).get<unknown>(editorSettings.exportFormulas);
  return value === 'keep' ? 'keep' : 'neutralize';
}

/** What is said about a table in which `count` texts were neutralised. */
export function formulaRemark(count: number): string {
  return vscode.l10n.t(
    'An apostrophe was put before {0} texts that a spreadsheet would run as formulas; the setting "{1}" keeps them as they are.',
    count,
    `${configurationSection}.${editorSettings.exportFormulas}`,
  );
}
