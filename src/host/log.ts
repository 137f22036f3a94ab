import type * as vscode from 'vscode';
import { createLogChannel } from './ui.ts';

/** The log, under "Convex Network" in the Output view; its level is the editor's "Set Log Level". */
export function createLog(): vscode.LogOutputChannel {
  return createLogChannel('Convex Network');
}

/** What to write about something that was thrown. */
export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
