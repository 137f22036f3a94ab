import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import * as vscode from 'vscode';

/** SHA-256 of a file as it is now, in pieces so that nothing waits for it; null when it cannot be read. */
export async function fingerprint(uri: vscode.Uri): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    if (uri.scheme === 'file')
      for await (const chunk of createReadStream(uri.fsPath, { highWaterMark: 1 << 18 })) hash.update(chunk as Buffer);
    else hash.update(await vscode.workspace.fs.readFile(uri));
  } catch {
    return null;
  }
  return hash.digest('hex');
}
