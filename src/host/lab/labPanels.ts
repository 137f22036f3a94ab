import * as vscode from 'vscode';
import type { HostPlatform } from '../../platform/platform.ts';
import { labType } from '../../shared/manifest.ts';
import type { Explorer } from '../explorer.ts';
import { DataPages } from '../panel/dataPages.ts';
import { LabPanel } from './labPanel.ts';
import { LabStore } from './labStore.ts';

/** The Labs of this window, one per data file. */
export class LabPanels extends DataPages<LabPanel> {
  private readonly store: LabStore;

  constructor(
    context: vscode.ExtensionContext,
    private readonly explorer: Explorer,
    private readonly platform: HostPlatform,
    private readonly runFolder: string,
    labFolder: string,
    private readonly log: vscode.LogOutputChannel,
  ) {
    super('lab', labType, context, vscode.ViewColumn.Beside);
    this.store = new LabStore(labFolder, platform.files);
  }

  protected override make(panel: vscode.WebviewPanel, uri: vscode.Uri): LabPanel {
    const { platform, runFolder, store, log } = this;
    return new LabPanel(panel, uri, {
      source: this.sourceOf(uri),
      platform,
      runFolder,
      store,
      log,
      extensionUri: this.context.extensionUri,
      preset: () => {
        const target = this.explorer.dataset(uri).run?.record.resolved.target;
        return target === undefined ? {} : { target };
      },
      testFile: () => this.explorer.dataset(uri).run?.record.dataset.test?.name ?? null,
    });
  }
}
