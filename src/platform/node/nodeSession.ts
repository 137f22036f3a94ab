import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { brotliDecompressSync, createGunzip, gunzipSync } from 'node:zlib';
import type { FileSource, FileStamp } from '../../core/data/source.ts';
import type { SessionDeps } from '../../session/context.ts';
import { tableSource } from '../../session/tables/tableSource.ts';
import type { Unpacking } from '../platform.ts';
import { openRegular } from './regularFile.ts';

const chunkBytes = 1 << 20;

/** The bytes of a regular file, in pieces. */
export async function* bytesOfFile(file: string): AsyncGenerator<Uint8Array> {
  const handle = await openRegular(file);
  // the stream closes what it reads
  yield* handle.createReadStream({ highWaterMark: chunkBytes }) as AsyncIterable<Uint8Array>;
}

async function* gunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const packed = Readable.from(chunks);
  const stream = createGunzip();
  packed.on('error', (error) => stream.destroy(error));
  try {
    for await (const chunk of packed.pipe(stream)) yield chunk as Uint8Array;
  } finally {
    packed.destroy();
    stream.destroy();
  }
}

export const nodeUnpacking: Unpacking = {
  gunzip,
  pages: { GZIP: (packed) => gunzipSync(packed), BROTLI: (packed) => brotliDecompressSync(packed) },
};

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
  const source = {
    uri,
    name: path.basename(file),
    size: (await stamp())?.size ?? 0,
    read: () => bytesOfFile(file),
    stat: stamp,
  };
  return tableSource(source, nodeUnpacking);
}

/** What a session needs, from Node. */
export function nodeSessionDeps(options: Pick<SessionDeps, 'threads' | 'kernels' | 'folds'> = {}): SessionDeps {
  return {
    createHash: () => {
      const hash = createHash('sha256');
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') };
    },
    pause: () => new Promise((resolve) => setImmediate(resolve)),
    openBeside: (uri, name) => nodeFileSource(path.resolve(path.dirname(fileURLToPath(uri)), name)),
    date: () => new Date(),
    ...options,
  };
}
