import type * as vscode from 'vscode';
import type { HostPlatform } from '../../platform/platform.ts';
import { previewType } from '../../shared/manifest.ts';
import type { Explorer } from '../explorer.ts';
import { DataPages } from '../panel/dataPages.ts';
import { PreviewPanel } from './previewPanel.ts';

/** The data previews of this window, one per data file. */
export class PreviewPanels extends DataPages<PreviewPanel> {
  constructor(
    context: vscode.ExtensionContext,
    private readonly explorer: Explorer,
    private readonly platform: HostPlatform,
    private readonly runFolder: string,
  ) {
    super('preview', previewType, context);
  }

  protected override make(panel: vscode.WebviewPanel, uri: vscode.Uri): PreviewPanel {
    const { platform, runFolder, explorer } = this;
    return new PreviewPanel(panel, uri, {
      source: this.sourceOf(uri),
      platform,
      runFolder,
      explorer,
      extensionUri: this.context.extensionUri,
    });
  }
}
