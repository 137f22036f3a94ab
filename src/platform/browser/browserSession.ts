import { gunzipSync } from 'fflate';
import type { SessionDeps } from '../../session/context.ts';
import { sha256Of } from '../../shared/sha256.ts';
import { joined } from '../../session/tables/tableSource.ts';
import type { Unpacking } from '../platform.ts';

async function* gunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stream = new DecompressionStream('gzip');
  const writer = stream.writable.getWriter();
  const fed = (async () => {
    for await (const chunk of chunks) await writer.write(chunk as Uint8Array<ArrayBuffer>);
    await writer.close();
  })();
  fed.catch((error: unknown) => void writer.abort(error).catch(() => undefined)); // what reads gets it
  const reader = stream.readable.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

export const browserUnpacking: Unpacking = {
  gunzip,
  pages: {
    GZIP: (packed) => gunzipSync(packed),
    BROTLI: () => {
      throw new Error('Brotli compression is read by the desktop only; write the file with Snappy or gzip');
    },
  },
};

/** What a session needs, from a browser. */
export function browserSessionDeps(options: Pick<SessionDeps, 'kernels' | 'folds'>): SessionDeps {
  return {
    // the browser hashes whole arrays only; pieces of a file are views of what was read anyway
    createHash: () => {
      const parts: Uint8Array[] = [];
      return { update: (bytes) => void parts.push(bytes), digest: () => sha256Of(joined(parts)) };
    },
    pause: () => new Promise((resolve) => setTimeout(resolve, 0)),
    date: () => new Date(),
    ...options,
  };
}
