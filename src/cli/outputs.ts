import { randomBytes } from 'node:crypto';
import {
  accessSync,
  type BigIntStats,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { plainLines, plainText } from '../core/data/plainText.ts';
import { fileErrorWords } from '../core/base/fileErrors.ts';
import { identity } from './inputs.ts';
import { onStop } from './signals.ts';
import { exitStatus, UsageError } from './usage.ts';

type Content = string | Uint8Array;

/** Where an output goes: a regular file is replaced whole; pipes, devices and the standard streams are written to as they are. */
type Target =
  | { readonly kind: 'file'; readonly path: string; readonly mode: number | null; readonly owner: Owner | null }
  | { readonly kind: 'stream'; readonly path: string; readonly fifo: boolean }
  | { readonly kind: 'stdout' | 'stderr' };

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const streams: Readonly<Record<string, 'stdout' | 'stderr'>> = {
  '-': 'stdout',
  '/dev/stdout': 'stdout',
  '/dev/fd/1': 'stdout',
  '/proc/self/fd/1': 'stdout',
  '/dev/stderr': 'stderr',
  '/dev/fd/2': 'stderr',
  '/proc/self/fd/2': 'stderr',
};

/** Most links that are followed from one name, as systems do. */
const linksFollowed = 40;

/**
 * Everything that a command writes. The names are checked before anything is read or computed: none may be an input or another output (under
 * whatever name or link), and each must be writable. Regular files appear whole or not at all, keep mode and owner, and are written
 * where links lead. A finished result that cannot be written is kept elsewhere, and the place is said.
 */
export class Outputs {
  private readonly targets = new Map<string, Target>();
  private readonly files: Readonly<Record<string, string | undefined>>;
  private lost = false;
  /** Identities of the regular files that are going to be replaced. */
  readonly identities: readonly string[];

  /**
   * @param files output files by their options ("--out"); undefined ones were not asked for
   * @param inputs files that the command reads
   * @throws {UsageError} for a name that cannot work
   */
  constructor(files: Readonly<Record<string, string | undefined>>, inputs: readonly string[]) {
    this.files = files;
    const read = new Map(inputs.flatMap((input) => existing(input).map((stats) => [identity(stats), input])));
    const taken = new Map<string, string>();
    const replaced: string[] = [];
    for (const [option, file] of Object.entries(files)) {
      if (file === undefined) continue;
      const { target, id, device } = resolveTarget(option, file);
      const input = id === null ? undefined : read.get(id);
      if (input !== undefined && !device)
        throw new UsageError(`${option} ${file}: that is the input ${input}, which would be lost`);
      const key = id ?? (target.kind === 'file' ? nameKey(target.path) : target.kind);
      const other = taken.get(key);
      if (other !== undefined && !device) throw new UsageError(`${other} and ${option} name the same file: ${file}`);
      taken.set(key, option);
      if (id !== null && !device) replaced.push(id);
      this.targets.set(option, target);
    }
    this.identities = replaced;
  }

  /** Writes the output of `option`, where one was asked for. */
  async write(option: string, content: Content): Promise<void> {
    const target = this.targets.get(option);
    if (target === undefined) return;
    try {
      await put(target, content);
    } catch (error) {
      this.keepElsewhere(`cannot write ${this.files[option]!}`, path.basename(this.files[option]!), error, content);
    }
  }

  /** The same; to standard output where no file was asked for. */
  async result(option: string, name: string, content: string): Promise<void> {
    if (this.targets.has(option)) {
      await this.write(option, content);
      return;
    }
    try {
      await put({ kind: 'stdout' }, process.stdout.isTTY ? plainLines(content) : content);
    } catch (error) {
      // who closed the pipe wants no more of it
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
      this.keepElsewhere('cannot write to standard output', name, error, content);
    }
  }

  /** Prints what a person reads. That nobody reads it is no failure. */
  async print(text: string): Promise<void> {
    try {
      await put({ kind: 'stdout' }, text);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
      this.lost = true;
      warn(`cannot write to standard output: ${fileErrorWords(error)}`);
    }
  }

  /** The exit status, given what the computation came to. */
  status(computed: number): number {
    return this.lost ? exitStatus.badInput : computed;
  }

  private keepElsewhere(what: string, name: string, error: unknown, content: Content): void {
    this.lost = true;
    const reason = fileErrorWords(error);
    for (const place of [tmpdir(), process.cwd(), homedir()]) {
      let folder: string | undefined;
      try {
        folder = mkdtempSync(path.join(place, 'convexnet-'));
        // the name itself may be what could not be written
        const file = path.join(folder, name.slice(-longestKept));
        writeFileSync(file, content);
        warn(`${what}: ${reason}; it was kept as ${file}`);
        return;
      } catch {
        // the next place
        if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
      }
    }
    warn(`${what}: ${reason}`);
  }
}

/** Characters of a name under which an output is kept elsewhere: its end, which says what it is. */
const longestKept = 60;

function warn(message: string): void {
  process.stderr.write(`convexnet: ${plainText(message)}\n`);
}

function existing(file: string): BigIntStats[] {
  try {
    return [statSync(file, { bigint: true })];
  } catch {
    return [];
  }
}

/** What the name of a file that is not there yet stands for. */
function nameKey(file: string): string {
  const name = path.basename(file);
  const folder = identity(statSync(path.dirname(file), { bigint: true }));
  // file systems of these platforms take names that differ in case for one
  return `${folder}/${process.platform === 'win32' || process.platform === 'darwin' ? name.toLowerCase() : name}`;
}

interface Resolved {
  readonly target: Target;
  /** Identity of what is there; null when nothing is. */
  readonly id: string | null;
  /** A character device takes any number of outputs, and is no input that could be lost. */
  readonly device: boolean;
}

function resolveTarget(option: string, file: string): Resolved {
  const refuse = (reason: string): never => {
    throw new UsageError(`${option} ${file}: ${reason}`);
  };
  if (file === '') refuse('a file name is needed');
  const stream = streams[file];
  if (stream !== undefined) return { target: { kind: stream }, id: null, device: false };
  if (/[\\/]$/.test(file)) refuse('it is a folder');
  const [stats] = existing(file);
  if (stats !== undefined && !stats.isFile()) {
    if (stats.isDirectory()) refuse('it is a folder');
    if (stats.isBlockDevice()) refuse('it is a disk, which would be overwritten');
    if (stats.isSocket()) refuse('it is a socket');
    writable(option, file, file);
    return {
      target: { kind: 'stream', path: file, fifo: stats.isFIFO() },
      id: identity(stats),
      device: stats.isCharacterDevice(),
    };
  }
  const target = followed(option, file);
  if (stats !== undefined) writable(option, file, target);
  else refuseImpossible(option, file, target);
  probe(option, file, path.dirname(target));
  return {
    target: {
      kind: 'file',
      path: target,
      mode: stats === undefined ? null : Number(stats.mode) & 0o7777,
      owner: stats === undefined ? null : { uid: Number(stats.uid), gid: Number(stats.gid) },
    },
    id: stats === undefined ? null : identity(stats),
    device: false,
  };
}

function writable(option: string, file: string, target: string): void {
  try {
    accessSync(target, constants.W_OK);
  } catch (error) {
    throw new UsageError(`${option} ${file}: ${fileErrorWords(error)}`);
  }
}

/** A name that no file can have is found before anything is computed. */
function refuseImpossible(option: string, file: string, target: string): void {
  try {
    lstatSync(target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new UsageError(`${option} ${shortened(file)}: ${fileErrorWords(error)}`);
  }
}

function shortened(file: string): string {
  return file.length <= 2 * longestKept ? file : `${file.slice(0, longestKept)}...${file.slice(-longestKept)}`;
}

/** Where the links of a name lead, whether or not something is there. */
function followed(option: string, file: string): string {
  let at = path.resolve(file);
  for (let links = 0; links < linksFollowed; links++) {
    let folder: string;
    try {
      folder = realpathSync(path.dirname(at));
    } catch {
      throw new UsageError(`${option} ${file}: the folder ${path.dirname(at)} does not exist`);
    }
    at = path.join(folder, path.basename(at));
    let link: string;
    try {
      link = readlinkSync(at);
    } catch {
      return at;
    }
    at = path.resolve(folder, link);
  }
  throw new UsageError(`${option} ${file}: its links lead in a circle`);
}

/** Whether a file can be made in a folder, by making one. */
function probe(option: string, file: string, folder: string): void {
  const trial = temporaryIn(folder);
  try {
    closeSync(openSync(trial, 'wx'));
    rmSync(trial);
  } catch (error) {
    throw new UsageError(`${option} ${file}: cannot write to the folder ${folder}: ${fileErrorWords(error)}`);
  }
}

function temporaryIn(folder: string): string {
  return path.join(folder, `.convexnet-${randomBytes(6).toString('hex')}.tmp`);
}

async function put(target: Target, content: Content): Promise<void> {
  switch (target.kind) {
    case 'file':
      replace(target, content);
      return;
    case 'stream': {
      // held open until the second one is: a reader takes the last close for the end
      const first = target.fifo ? await openWhenRead(target.path) : null;
      try {
        const handle = await open(target.path, constants.O_WRONLY | constants.O_APPEND);
        try {
          await handle.writeFile(content);
        } finally {
          await handle.close();
        }
      } finally {
        if (first !== null) closeSync(first);
      }
      return;
    }
    case 'stdout':
    case 'stderr':
      await new Promise<void>((resolve, reject) => {
        process[target.kind].write(content, (error) => {
          if (error === null || error === undefined) resolve();
          else reject(error);
        });
      });
  }
}

/** Between two looks whether a pipe has a reader, in milliseconds. */
const lookEvery = 50;

/** Opens a pipe once somebody reads it; throws when the program is asked to stop before. */
async function openWhenRead(fifo: string): Promise<number> {
  let stopped = false;
  const off = onStop(() => (stopped = true));
  try {
    for (;;) {
      try {
        return openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENXIO' || stopped) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, lookEvery));
    }
  } finally {
    off();
  }
}

/** Whole or not at all: beside the file, on the disk, then under its name in one step. */
function replace({ path: file, mode, owner }: Target & { kind: 'file' }, content: Content): void {
  const folder = path.dirname(file);
  const temporary = temporaryIn(folder);
  try {
    const descriptor = openSync(temporary, 'wx');
    try {
      writeFileSync(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (owner !== null) keepOwner(temporary, owner);
    if (mode !== null) chmodSync(temporary, mode);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(folder);
}

function keepOwner(file: string, { uid, gid }: Owner): void {
  try {
    chownSync(file, uid, gid);
  } catch {
    // only an administrator can give files away
  }
}

/** The new name reaches the disk as well, where the system can do that. */
function syncFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Windows has no such thing
  }
}
