import type * as vscode from 'vscode';
import { type Purpose, sourceToRead, type TextOrFile } from '../unsavedText.ts';
import { type FilePage, PagesByFile } from './pagesByFile.ts';

/** Pages that read a data file, whose editor may hold changes that are not saved: the person is asked when a page opens. */
export abstract class DataPages<P extends FilePage> extends PagesByFile<P> {
  private readonly sources = new Map<string, TextOrFile>();

  protected constructor(
    private readonly purpose: Purpose,
    type: string,
    context: vscode.ExtensionContext,
    viewColumn?: vscode.ViewColumn,
  ) {
    super(type, context, viewColumn);
  }

  async open(uri: vscode.Uri): Promise<void> {
    const source = this.isOpen(uri) ? this.sourceOf(uri) : await sourceToRead(uri, this.purpose);
    if (source === undefined) return;
    this.sources.set(uri.toString(), source);
    this.show(uri);
  }

  /** What the page of a file reads. */
  protected sourceOf(uri: vscode.Uri): TextOrFile {
    return this.sources.get(uri.toString()) ?? (uri.scheme === 'untitled' ? 'text' : 'file');
  }
}
