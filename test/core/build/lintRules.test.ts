import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { shownText } from '../../../src/build/lintRules.mjs';

function complaints(code: string): number {
  const parser = tseslint.parser as Linter.Parser;
  return new Linter().verify(
    `import * as vscode from 'vscode';\n${code}`,
    {
      files: ['**/*.ts'],
      languageOptions: { parser },
      rules: { 'no-restricted-syntax': ['error', ...shownText] },
    },
    'a.ts',
  ).length;
}

describe('the lint rule for text that is shown', () => {
  const refused = [
    'void vscode.window.showErrorMessage(`bad ${name}`);',
    'void vscode.window.showInformationMessage(name);',
    'void vscode.window.showQuickPick([name]);',
    'const input = vscode.window.createInputBox();',
    'vscode.window.setStatusBarMessage(name);',
    'vscode.window.createTreeView(name, options);',
    "vscode.window['showErrorMessage'](name);",
    "vscode['window'].showErrorMessage(name);",
    'const { window } = vscode;',
    'const ui = vscode.window;',
    'const all = vscode;',
    'show(vscode.window);',
    "import { window } from 'vscode';",
    'const tip = new vscode.MarkdownString(name);',
    'const item = new vscode.TreeItem(name);',
    'panel.title = name;',
    'item.tooltip = name;',
  ];
  for (const code of refused) it(`refuses ${code}`, () => assert.ok(complaints(code) > 0));

  const taken = [
    'void vscode.window.showTextDocument(document);',
    'const groups = vscode.window.tabGroups.all;',
    'vscode.window.onDidChangeActiveTextEditor(f);',
    'notify.warn(name);',
    "import type { Uri } from 'vscode';",
    'const place = vscode.Uri.file(name);',
  ];
  for (const code of taken) it(`takes ${code}`, () => assert.equal(complaints(code), 0));
});
