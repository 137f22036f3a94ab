import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { panelPolicy } from '../../shared/csp.ts';

/** The Lab's page, under the same policy as the results panel. */
export function labHtml(webview: vscode.Webview, extensionUri: vscode.Uri): string {
  const nonce = randomBytes(18).toString('base64');
  const file = (name: string): string =>
    webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, 'dist', name)).toString();
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${panelPolicy(webview.cspSource, nonce)}">
<link rel="stylesheet" href="${file('lab.css')}">
<title>Convex Network Lab</title>
</head>
<body>
<div id="app"></div>
<script nonce="${nonce}" src="${file('lab.js')}"></script>
</body>
</html>`;
}
