import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Flags with which a pipe that nobody fills is opened all the same, instead of waited for. */
export const readWithoutWaiting = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a pipe (FIFO)';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

/** Anything but a regular file (a pipe that nobody fills, an endless device) is refused at once instead of waited for. */
export function refuseUnlessRegular(stats: Stats): void {
  if (!stats.isFile()) throw new Error(`it is ${kindOf(stats)}, not a regular file`);
}

/** A regular file, open for reading; whoever opens it closes it. */
export async function openRegular(file: string): Promise<FileHandle> {
  const handle = await open(file, readWithoutWaiting);
  try {
    refuseUnlessRegular(await handle.stat());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}
