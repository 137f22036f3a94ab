import * as vscode from 'vscode';

/** The log, under "Convex Network" in the Output view; its level is the editor's "Set Log Level". */
export function createLog(): vscode.LogOutputChannel {
  return vscode.window.createOutputChannel('Convex Network', { log: true });
}

/** What to write about something that was thrown. */
export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
