import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FileSource, FileStamp } from '../core/data/source.ts';
import type { SessionDeps } from './context.ts';
import { tableSource } from './tables/tableSource.ts';

const chunkBytes = 1 << 20;

/** A file on this machine. */
export async function nodeFileSource(file: string, uri: string = pathToFileURL(file).href): Promise<FileSource> {
  const stamp = async (): Promise<FileStamp | null> => {
    try {
      const { size, mtimeMs } = await stat(file);
      return { size, mtime: mtimeMs };
    } catch {
      return null;
    }
  };
  return tableSource({
    uri,
    name: path.basename(file),
    size: (await stamp())?.size ?? 0,
    read: () => createReadStream(file, { highWaterMark: chunkBytes }),
    stat: stamp,
  });
}

/** What a session needs, from Node. */
export function nodeSessionDeps(options: Pick<SessionDeps, 'threads' | 'kernels'> = {}): SessionDeps {
  return {
    createHash: () => {
      const hash = createHash('sha256');
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') };
    },
    pause: () => new Promise((resolve) => setImmediate(resolve)),
    date: () => new Date(),
    ...options,
  };
}
