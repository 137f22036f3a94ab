import type { FileSource } from '../core/data/source.ts';
import type { WorkerPlatform } from '../platform/platform.ts';
import type { SessionDeps } from '../session/context.ts';
import { tableSource } from '../session/tables/tableSource.ts';
import type { RemoteFile, SourceSpec } from './api.ts';

/** Between two pieces of this size a stop is seen. */
const pieceBytes = 1 << 20;

type Reading = Pick<WorkerPlatform, 'openFile' | 'unpacking'>;

/** A file that only the editor can reach. Its file systems read whole files, so this is for sizes that fit in memory. */
async function remoteSource(
  { uri, name }: SourceSpec,
  remote: Pick<RemoteFile, 'read' | 'stat'>,
  { unpacking }: Reading,
): Promise<FileSource> {
  const source: FileSource = {
    uri,
    name,
    size: (await remote.stat())?.size ?? 0,
    async *read() {
      const bytes = await remote.read();
      for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
    },
    stat: () => remote.stat(),
  };
  return tableSource(source, unpacking);
}

/** How files beside one that only the editor can reach are opened; undefined where the platform reaches them itself. */
export function besideOf(remote: RemoteFile | null, platform: Reading): SessionDeps['openBeside'] {
  if (remote === null) return undefined;
  return (uri, name) =>
    remoteSource(
      { uri: `${uri}/../${encodeURI(name)}`, name: name.slice(name.lastIndexOf('/') + 1), path: null },
      { read: () => remote.readBeside(name), stat: () => remote.statBeside(name) },
      platform,
    );
}

export function openSource(spec: SourceSpec, remote: RemoteFile | null, platform: Reading): Promise<FileSource> {
  if (spec.path !== null) return platform.openFile(spec.path, spec.uri);
  if (remote) return remoteSource(spec, remote, platform);
  throw new Error(`${spec.uri} cannot be read.`);
}
