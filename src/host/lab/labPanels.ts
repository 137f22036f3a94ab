import * as vscode from 'vscode';
import type { HostPlatform } from '../../platform/platform.ts';
import { labType } from '../../shared/manifest.ts';
import type { Explorer } from '../explorer.ts';
import { PagesByFile } from '../panel/pagesByFile.ts';
import { LabPanel } from './labPanel.ts';
import { LabStore } from './labStore.ts';

/** The Labs of this window, one per data file. */
export class LabPanels extends PagesByFile<LabPanel> {
  private readonly store: LabStore;

  constructor(
    context: vscode.ExtensionContext,
    private readonly explorer: Explorer,
    private readonly platform: HostPlatform,
    private readonly runFolder: string,
    labFolder: string,
    private readonly log: vscode.LogOutputChannel,
  ) {
    super(labType, context, vscode.ViewColumn.Beside);
    this.store = new LabStore(labFolder, platform.files);
  }

  open(uri: vscode.Uri): void {
    this.show(uri);
  }

  protected override make(panel: vscode.WebviewPanel, uri: vscode.Uri): LabPanel {
    const { platform, runFolder, store, log } = this;
    return new LabPanel(panel, uri, {
      platform,
      runFolder,
      store,
      log,
      extensionUri: this.context.extensionUri,
      preset: () => {
        const target = this.explorer.dataset(uri).run?.record.resolved.target;
        return target === undefined ? {} : { target };
      },
    });
  }
}
