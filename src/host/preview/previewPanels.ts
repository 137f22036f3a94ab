import type * as vscode from 'vscode';
import type { HostPlatform } from '../../platform/platform.ts';
import { previewType } from '../../shared/manifest.ts';
import type { Explorer } from '../explorer.ts';
import { PagesByFile } from '../panel/pagesByFile.ts';
import { sourceToRead, type TextOrFile } from '../unsavedText.ts';
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

  /** What of a file with changes that are not saved is looked at. */
  private readonly sources = new Map<string, TextOrFile>();

  /** Asks where the editor holds changes that are not saved. */
  async open(uri: vscode.Uri): Promise<void> {
    const source = this.isOpen(uri) ? 'file' : await sourceToRead(uri, 'preview');
    if (source === undefined) return;
    this.sources.set(uri.toString(), source);
    this.show(uri);
  }

  protected override make(panel: vscode.WebviewPanel, uri: vscode.Uri): PreviewPanel {
    const { platform, runFolder, explorer } = this;
    const source = this.sources.get(uri.toString()) ?? (uri.scheme === 'untitled' ? 'text' : 'file');
    return new PreviewPanel(panel, uri, {
      source,
      platform,
      runFolder,
      explorer,
      extensionUri: this.context.extensionUri,
    });
  }
}
