import type * as vscode from 'vscode';
import type { HostPlatform } from '../../platform/platform.ts';
import { previewType } from '../../shared/manifest.ts';
import type { Explorer } from '../explorer.ts';
import { PagesByFile } from '../panel/pagesByFile.ts';
import { PreviewPanel } from './previewPanel.ts';

/** The data previews of this window, one per data file. */
export class PreviewPanels extends PagesByFile<PreviewPanel> {
  constructor(
    context: vscode.ExtensionContext,
    private readonly explorer: Explorer,
    private readonly platform: HostPlatform,
    private readonly runFolder: string,
  ) {
    super(previewType, context);
  }

  open(uri: vscode.Uri): void {
    this.show(uri);
  }

  protected override make(panel: vscode.WebviewPanel, uri: vscode.Uri): PreviewPanel {
    const { platform, runFolder, explorer } = this;
    return new PreviewPanel(panel, uri, { platform, runFolder, explorer, extensionUri: this.context.extensionUri });
  }
}
