import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { link, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { temporarySuffix } from '../../store/runFiles.ts';
import type { Files } from '../platform.ts';
import { openRegular } from './regularFile.ts';

async function writeWholeFile(file: string, content: string | Uint8Array, durable = true): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}${temporarySuffix}`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(content);
      if (durable) await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function moveToFree(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
    await unlink(from);
  } catch (error) {
    // file systems without links
    const there = await stat(to).then(
      () => true,
      () => false,
    );
    if (there || (error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    await rename(from, to);
  }
}

/** Files on this machine. */
export const nodeFiles = {
  makeFolder: async (folder) => void (await mkdir(folder, { recursive: true })),
  names: (folder) => readdir(folder),
  read: async (file) => {
    const handle = await openRegular(file);
    try {
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  },
  readSmall: (file) => readFileSync(file, 'utf8'),
  stat: (file) => statSync(file),
  writeWhole: writeWholeFile,
  move: rename,
  moveToFree,
  remove: (file) => rm(file, { force: true }),
} satisfies Files;
