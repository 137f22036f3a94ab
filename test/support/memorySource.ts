import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { FileSource, FileStamp } from '../../src/core/data/source.ts';

/** A file in memory whose bytes, stamp and size of chunks a test controls. */
export interface MemorySource extends FileSource {
  bytes: Uint8Array;
  stamp: FileStamp | null;
  /** How often it was read from the start. */
  reads: number;
}

export function memorySource(content: string | Uint8Array, { name = 'data.csv', chunk = 1 << 16 } = {}): MemorySource {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const source: MemorySource = {
    uri: `memory:/${name}`,
    name,
    size: bytes.length,
    bytes,
    stamp: { size: bytes.length, mtime: 1 },
    reads: 0,
    async *read() {
      source.reads++;
      for (let at = 0; at < source.bytes.length; at += chunk) {
        await Promise.resolve();
        yield source.bytes.subarray(at, at + chunk);
      }
    },
    stat: () => Promise.resolve(source.stamp),
  };
  return source;
}

export const samplesFolder = path.resolve(import.meta.dirname, '../../media/samples');

export function sampleSource(name: string): MemorySource {
  return memorySource(readFileSync(path.join(samplesFolder, name)), { name });
}
