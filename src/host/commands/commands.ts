import * as vscode from 'vscode';
import { type CommandId, commandIds, extensionId } from '../../shared/manifest.ts';
import { showError } from '../errors.ts';
import type { Explorer } from '../explorer.ts';
import type { LabPanels } from '../lab/labPanels.ts';
import type { LessonPanels } from '../lesson/lessonPanels.ts';
import type { PreviewPanels } from '../preview/previewPanels.ts';
import { activeTable, pickFile } from '../pickFile.ts';
import type { StudyPanels } from '../study/studyPanels.ts';
import { exportCommands } from './exports.ts';
import type { Handlers } from './handlers.ts';
import { runCommands, type RunTools } from './runs.ts';
import { betaCommands, trainingCommands } from './training.ts';

/** The pages that are not about one run. */
export interface Pages extends RunTools {
  readonly labs: LabPanels;
  readonly lessons: LessonPanels;
  /** Null where there are no processes. */
  readonly studies: StudyPanels | null;
  readonly previews: PreviewPanels;
}

/** What every command of the extension does; failures are shown. */
export function commands(
  explorer: Explorer,
  pages: Pages,
  context: vscode.ExtensionContext,
): (id: CommandId, args: readonly unknown[]) => Promise<unknown> {
  const { log } = explorer;
  const handlers: Handlers<CommandId> = {
    ...trainingCommands(explorer, context),
    ...betaCommands(explorer),
    ...runCommands(explorer, pages),
    ...exportCommands(explorer),
    ...placeCommands(explorer, pages),
  };
  return async (id, args) => {
    try {
      return await handlers[id](...args);
    } catch (error) {
      void showError(error, explorer.current?.uri ?? null, log);
      return undefined;
    }
  };
}

/** Commands that open something of the editor. */
function placeCommands(
  explorer: Explorer,
  { labs, lessons, studies, previews }: Pages,
): Handlers<
  | typeof commandIds.openLab
  | typeof commandIds.openStudy
  | typeof commandIds.openLesson
  | typeof commandIds.previewData
  | typeof commandIds.openSettings
  | typeof commandIds.showLog
> {
  return {
    [commandIds.openStudy]: (uri) => {
      if (studies === null)
        throw new Error(vscode.l10n.t('Studies run as processes of their own, which a browser does not have.'));
      return uri instanceof vscode.Uri ? studies.open(uri) : studies.ask();
    },
    [commandIds.openLesson]: async (uri) => (uri instanceof vscode.Uri ? lessons.open(uri) : lessons.ask()),
    [commandIds.openLab]: async (uri) => {
      const file =
        uri instanceof vscode.Uri
          ? uri
          : (activeTable() ?? explorer.current?.uri ?? (await pickFile(vscode.l10n.t('Open Lab'))));
      if (file) await labs.open(file);
    },
    [commandIds.previewData]: async (uri) => {
      const file = uri instanceof vscode.Uri ? uri : (activeTable() ?? (await pickFile(vscode.l10n.t('Data Preview'))));
      if (file) await previews.open(file);
    },
    [commandIds.openSettings]: async () => {
      await vscode.commands.executeCommand('workbench.action.openSettings', `@ext:${extensionId}`);
    },
    [commandIds.showLog]: () => Promise.resolve(explorer.log.show()),
  };
}
