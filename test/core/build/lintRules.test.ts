import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

/** For each piece of code, how often the linter complains of shown text. */
function complaints(pieces: readonly string[]): number[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-lint-'));
  try {
    const config = {
      jsPlugins: [fileURLToPath(new URL('../../../src/build/lintRules.mjs', import.meta.url))],
      categories: { correctness: 'off' },
      rules: { 'convexnet/shown-text': 'error' },
    };
    writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
    pieces.forEach((code, k) =>
      writeFileSync(path.join(folder, `${k}.ts`), `import * as vscode from 'vscode';\n${code}`),
    );
    const oxlint = path.join(path.dirname(createRequire(import.meta.url).resolve('oxlint/package.json')), 'bin/oxlint');
    const { stdout, stderr } = spawnSync(process.execPath, [oxlint, '-c', 'config.json', '-f', 'json', '.'], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.equal(stderr, '');
    const { diagnostics, number_of_files: files } = JSON.parse(stdout) as {
      readonly diagnostics: readonly { readonly code: string; readonly filename: string }[];
      readonly number_of_files: number;
    };
    assert.ok(files >= pieces.length);
    assert.ok(diagnostics.every(({ code }) => code === 'convexnet(shown-text)'));
    return pieces.map((_, k) => diagnostics.filter(({ filename }) => path.basename(filename) === `${k}.ts`).length);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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

  const taken = [
    'void vscode.window.showTextDocument(document);',
    'const groups = vscode.window.tabGroups.all;',
    'vscode.window.onDidChangeActiveTextEditor(f);',
    'notify.warn(name);',
    "import type { Uri } from 'vscode';",
    'const place = vscode.Uri.file(name);',
  ];

  const counts = complaints([...refused, ...taken]);
  for (const [k, code] of refused.entries()) it(`refuses ${code}`, () => assert.ok(counts[k] > 0));
  for (const [k, code] of taken.entries()) it(`takes ${code}`, () => assert.equal(counts[refused.length + k], 0));
});
