import * as vscode from 'vscode';
import { errorWords } from './inLanguage.ts';
import { describe } from './log.ts';
import { revealLine } from './revealLine.ts';
import { TaskFailure } from './train/taskFailure.ts';
import { notify } from './ui.ts';

/** One notification for one failure, with the place in the file where there is one, and the log. */
export async function showError(error: unknown, file: vscode.Uri | null, log: vscode.LogOutputChannel): Promise<void> {
  const detail = error instanceof TaskFailure ? error.detail : null;
  log.error(detail?.stack ?? describe(error));
  const message = errorWords(error);
  const openAt = detail?.line === undefined || file === null ? null : vscode.l10n.t('Open at Line {0}', detail.line);
  const showLog = vscode.l10n.t('Show Log');
  const picked = await notify.error(message, ...(openAt === null ? [] : [openAt]), showLog);
  if (picked === undefined) return;
  if (picked === showLog) log.show();
  else if (file !== null) await revealLine(file, detail!.line!, detail!.column);
}
