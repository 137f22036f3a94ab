import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { panelPolicy } from '../../shared/csp.ts';

/** The panel's page: two files of the extension under the policy; data comes by messages, never in the page. */
export function panelHtml(webview: vscode.Webview, extensionUri: vscode.Uri): string {
  const nonce = randomBytes(18).toString('base64');
  const file = (name: string): string =>
    webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, 'dist', name)).toString();
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${panelPolicy(webview.cspSource, nonce)}">
<link rel="stylesheet" href="${file('webview.css')}">
<title>Convex Network</title>
</head>
<body>
<div id="app"></div>
<script nonce="${nonce}" src="${file('webview.js')}"></script>
</body>
</html>`;
}

/** Folders that the panel may load from. */
export function panelRoots(extensionUri: vscode.Uri): vscode.Uri[] {
  return [vscode.Uri.joinPath(extensionUri, 'dist')];
}
