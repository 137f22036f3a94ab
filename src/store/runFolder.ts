import * as v from 'valibot';
import { fileErrorWords } from '../core/base/fileErrors.ts';
import type { Files } from '../platform/platform.ts';
import { runIdSchema, runSummarySchema, type RunSummary } from '../shared/runSummary.ts';
import { runFile, runIdOf, temporarySuffix } from './runFiles.ts';

/** Longest name that a person may give a run. */
export const nameLimit = 200;

/** What stands beside a run, in a file of its own: its place in the order of runs, and what a person noted about it. */
const notesSchema = v.object({
  sequence: v.pipe(v.number(), v.integer(), v.minValue(0)),
  name: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(nameLimit))),
  pinned: v.optional(v.literal(true)),
});
type Notes = v.InferOutput<typeof notesSchema>;

/** Names and pins as earlier versions kept them, all in one file. */
const formerEntrySchema = v.object({ name: v.optional(v.string()), pinned: v.optional(v.literal(true)) });

const indexedSchema = v.object({ summary: runSummarySchema, mtime: v.number(), size: v.number() });
type Indexed = v.InferOutput<typeof indexedSchema>;

const notesSuffix = '.notes.json';
const deletedSuffix = '.deleted';
const abandonedAfterMs = 3_600_000;
/** A deleted run can be brought back as long as a window may stay open. */
const deletedForMs = 7 * 86_400_000;

/** A run file that could not be used, with the reason. */
export interface UnreadableRun {
  readonly id: string;
  readonly file: string;
  readonly reason: string;
}

/** A run as lists show it: under the name that it was given, if any. */
export interface ListedRun extends RunSummary {
  readonly pinned: boolean;
  /** The label is a name that a person gave. */
  readonly named: boolean;
}

interface Entry extends Indexed {
  readonly notes: Notes;
}

export interface RunFolderDeps {
  readonly files: Files;
  /** Reads a run, elsewhere than on this thread: runs may be large. */
  readonly load: (id: string) => Promise<{ readonly summary: RunSummary }>;
  /** How many runs to keep, as a person set it. */
  readonly keep: () => unknown;
  readonly log: { warn(message: string): void; error(message: string): void };
  readonly changed: () => void;
}

/** How many runs to keep; 0: all, and so for anything that is no whole number from 0 on: a setting that is wrong deletes nothing. */
export function keepCount(setting: unknown): number {
  return typeof setting === 'number' && Number.isSafeInteger(setting) && setting >= 0 ? setting : 0;
}

/**
 * The runs of a folder that several windows share. Every run is one file, which is the truth; beside it one small file of notes (its place in the
 * order, name, pin), so that windows never write the same file about different runs; and an index of summaries, a cache that any window may
 * overwrite. Files get their names in one step, under temporary names that nobody else takes. The order is that in which runs were taken up,
 * whatever the clock said. What is removed to make room is neither the run just taken up nor one that is pinned on disk at that moment.
 * Nothing that one entry or another window does ends the listing of the others.
 */
export class RunFolder {
  private readonly entries = new Map<string, Entry>();
  private sorted: readonly ListedRun[] | null = null;
  private byFile: Map<string, ListedRun[]> | null = null;
  private bad: readonly UnreadableRun[] = [];
  private writing: Promise<void> = Promise.resolve();
  private opening: Promise<void> = Promise.resolve();

  constructor(
    readonly folder: string,
    private readonly deps: RunFolderDeps,
  ) {}

  /** Last taken up first. */
  list(): readonly ListedRun[] {
    this.sorted ??= [...this.entries.values()].sort(later).map(listed);
    return this.sorted;
  }

  /** The same, of one data file. */
  listFor(uri: string): readonly ListedRun[] {
    if (this.byFile === null) {
      this.byFile = new Map();
      for (const run of this.list()) {
        const known = this.byFile.get(run.uri);
        if (known) known.push(run);
        else this.byFile.set(run.uri, [run]);
      }
    }
    return this.byFile.get(uri) ?? [];
  }

  get(id: string): ListedRun | undefined {
    const entry = this.entries.get(id);
    return entry && listed(entry);
  }

  get unreadable(): readonly UnreadableRun[] {
    return this.bad;
  }

  /** Gives a run a name of its own; an empty one takes it back. */
  rename(id: string, name: string): Promise<void> {
    return this.note(id, { name: name.trim().slice(0, nameLimit) || undefined });
  }

  /** A pinned run stands above the others and is never removed to make room. */
  pin(id: string, pinned: boolean): Promise<void> {
    return this.note(id, { pinned: pinned || undefined });
  }

  /** Reads the folder: before anything else, and again whenever another window may have changed it. */
  open(): Promise<void> {
    const next = this.opening.then(() => this.read());
    this.opening = next.catch(() => undefined);
    return next;
  }

  private async read(): Promise<void> {
    await this.files
      .makeFolder(this.folder)
      .catch((error: unknown) => this.deps.log.warn(`The folder of runs cannot be made: ${messageOf(error)}`));
    const [names, indexed, former] = [await this.names(), await this.readIndex(), await this.readFormerNotes()];
    const before = new Set(this.entries.keys());
    const found: Entry[] = [];
    const bad: UnreadableRun[] = [];
    const unplaced: Indexed[] = [];
    let repaired = false;
    const take = (known: Indexed, notes: Notes | undefined): void => {
      if (notes) found.push({ ...known, notes });
      else unplaced.push(known);
    };
    const fail = async (id: string, file: string, error: unknown): Promise<void> => {
      if (!(await this.exists(file))) return; // another window removed it
      this.deps.log.warn(`Run ${id}: ${messageOf(error)}`);
      bad.push({ id, file, reason: messageOf(error) });
    };
    const toLoad: { id: string; file: string; mtime: number; size: number; notes: Notes | undefined }[] = [];
    await inBatches([...names], async (name) => {
      const id = runIdOf(name);
      if (id === null) return this.sweep(name);
      const file = `${this.folder}/${name}`;
      try {
        v.parse(runIdSchema, id);
        const { mtimeMs: mtime, size } = await this.files.stat(file);
        const notes = names.has(id + notesSuffix) ? await this.readNotes(id) : undefined;
        const known = indexed.get(id);
        if (known?.mtime === mtime && known.size === size) take(known, notes);
        else toLoad.push({ id, file, mtime, size, notes });
      } catch (error) {
        await fail(id, file, error);
      }
    });
    for (const { id, file, mtime, size, notes } of toLoad) {
      try {
        const { summary } = await this.deps.load(id);
        if (summary.id !== id) throw new Error(`It holds the run ${summary.id}.`);
        take({ summary, mtime, size }, notes);
        repaired = true;
      } catch (error) {
        await fail(id, file, error);
      }
    }
    // Runs without a place: written by an earlier version or copied here, or a window ended before it took them up.
    let sequence = found.reduce((most, { notes }) => Math.max(most, notes.sequence), 0);
    unplaced.sort((a, b) => compare(a.summary.createdAt, b.summary.createdAt) || compare(a.summary.id, b.summary.id));
    for (const entry of unplaced) {
      const { id } = entry.summary;
      const notes: Notes = { ...former.notes.get(id), sequence: ++sequence };
      await this.writeNotes(id, notes, false);
      found.push({ ...entry, notes });
    }
    if (former.whole) await this.files.remove(this.formerFile).catch(() => undefined);
    // what was taken up while the folder was read stays
    const meanwhile = [...this.entries.values()].filter(({ summary }) => !before.has(summary.id));
    this.entries.clear();
    for (const entry of [...found, ...meanwhile]) this.entries.set(entry.summary.id, entry);
    this.bad = bad;
    if (repaired) await this.writeIndex();
    this.announce();
  }

  /** Takes up a run whose file has just been written. Never throws: a run that was trained is there, whatever the disk says. */
  async add(summary: RunSummary): Promise<void> {
    const { id } = summary;
    try {
      const { mtimeMs, size } = await this.files.stat(runFile(this.folder, id));
      const known = await this.readNotes(id);
      const notes = known ?? { sequence: 1 + (await this.lastSequence()) };
      if (!known) await this.writeNotes(id, notes, true);
      this.entries.set(id, { summary, mtime: mtimeMs, size, notes });
      await this.makeRoom(id);
      await this.writeIndex();
    } catch (error) {
      this.deps.log.error(`Run ${id}: ${messageOf(error)}`);
    }
    this.announce();
  }

  /** Removes the file of a run that was never taken up. */
  async discard(id: string): Promise<void> {
    if (this.entries.has(id)) return;
    await this.files.remove(runFile(this.folder, id));
  }

  /** Removes a run; the function that comes back brings it back as long as the window is open, whatever other windows do. */
  async remove(id: string): Promise<() => Promise<void>> {
    const file = runFile(this.folder, id);
    const entry = this.entries.get(id);
    const unreadable = this.bad.find((run) => run.id === id);
    const trash = await this.moveAway(file);
    this.entries.delete(id);
    this.bad = this.bad.filter((run) => run.id !== id);
    await this.writeIndex();
    this.announce();
    return async () => {
      await this.files.moveToFree(trash, file);
      if (entry) this.entries.set(id, entry);
      if (unreadable) this.bad = [...this.bad, unreadable];
      await this.writeIndex();
      this.announce();
    };
  }

  private get files(): Files {
    return this.deps.files;
  }

  private async exists(file: string): Promise<boolean> {
    try {
      await this.files.stat(file);
      return true;
    } catch {
      return false;
    }
  }

  private announce(): void {
    this.sorted = null;
    this.byFile = null;
    this.deps.changed();
  }

  /** Removes the oldest runs beyond the number to keep. */
  private async makeRoom(justAdded: string): Promise<void> {
    const keep = keepCount(this.deps.keep());
    if (keep === 0) return;
    this.sorted = null;
    for (const { id, pinned } of this.list().slice(keep)) {
      if (pinned || id === justAdded) continue;
      const file = runFile(this.folder, id);
      try {
        // out of reach first, then the pin, which another window may have set: it is read when nobody can set it any more
        const trash = await this.moveAway(file);
        const notes = await this.readNotes(id);
        const entry = this.entries.get(id);
        if (notes?.pinned === true && entry) {
          await this.files.moveToFree(trash, file);
          this.entries.set(id, { ...entry, notes });
          continue;
        }
        await this.files.remove(trash);
        await this.files.remove(this.notesFile(id));
      } catch (error) {
        if (!isGone(error)) {
          this.deps.log.warn(`Run ${id} cannot be removed to make room: ${messageOf(error)}`);
          continue;
        }
      }
      this.entries.delete(id);
    }
    this.sorted = null;
  }

  /** Gives the file a name under which it is no run any more, with the time of the deletion. */
  private async moveAway(file: string): Promise<string> {
    const trash = `${file}.${crypto.randomUUID()}.${Date.now()}${deletedSuffix}`;
    await this.files.move(file, trash);
    return trash;
  }

  /** Changes the notes of a run as they are on disk now, one change after the other. */
  private async note(id: string, change: Partial<Notes>): Promise<void> {
    const work = this.writing.then(async () => {
      const entry = this.entries.get(id);
      if (!entry || !(await this.exists(runFile(this.folder, id)))) throw new Error(`There is no run ${id}.`);
      const notes = { ...((await this.readNotes(id)) ?? entry.notes), ...change };
      await this.writeNotes(id, notes, true);
      this.entries.set(id, { ...entry, notes });
      this.announce();
    });
    this.writing = work.catch(() => undefined);
    await work;
  }

  private notesFile(id: string): string {
    return `${this.folder}/${v.parse(runIdSchema, id)}${notesSuffix}`;
  }

  private async readNotes(id: string): Promise<Notes | undefined> {
    try {
      return v.parse(notesSchema, JSON.parse(await this.files.readSmall(this.notesFile(id))));
    } catch (error) {
      if (!isGone(error)) this.deps.log.warn(`The name and pin of run ${id} cannot be read: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** Notes that cannot be written cost the name, the pin and the place of one run, in other windows only. */
  private async writeNotes(id: string, notes: Notes, must: boolean): Promise<void> {
    try {
      await this.files.writeWhole(this.notesFile(id), JSON.stringify(notes), must);
    } catch (error) {
      if (must) throw error;
      this.deps.log.warn(`The place of run ${id} cannot be kept: ${messageOf(error)}`);
    }
  }

  /** The last place that any window has given away. */
  private async lastSequence(): Promise<number> {
    let last = 0;
    for (const { notes } of this.entries.values()) last = Math.max(last, notes.sequence);
    for (const name of await this.names()) {
      if (!name.endsWith(notesSuffix)) continue;
      const id = name.slice(0, -notesSuffix.length);
      if (!this.entries.has(id) && v.is(runIdSchema, id))
        last = Math.max(last, (await this.readNotes(id))?.sequence ?? 0);
    }
    return last;
  }

  private async names(): Promise<ReadonlySet<string>> {
    try {
      return new Set(await this.files.names(this.folder));
    } catch (error) {
      this.deps.log.warn(`The folder of runs cannot be read: ${messageOf(error)}`);
      return new Set();
    }
  }

  private get formerFile(): string {
    return `${this.folder}/names.json`;
  }

  /** Entry by entry; a file that is damaged as a whole stays where it is. */
  private async readFormerNotes(): Promise<{ notes: Map<string, Omit<Notes, 'sequence'>>; whole: boolean }> {
    const notes = new Map<string, Omit<Notes, 'sequence'>>();
    let content: string;
    try {
      content = await this.files.read(this.formerFile);
    } catch {
      return { notes, whole: false };
    }
    try {
      const entries = Object.entries(v.parse(v.record(v.string(), v.unknown()), JSON.parse(content)));
      for (const [id, entry] of entries) {
        const parsed = v.safeParse(formerEntrySchema, entry);
        if (!parsed.success) continue;
        const name = parsed.output.name?.trim().slice(0, nameLimit);
        notes.set(id, { ...(name ? { name } : {}), ...(parsed.output.pinned ? { pinned: true } : {}) });
      }
      return { notes, whole: true };
    } catch (error) {
      this.deps.log.warn(`names.json, with names and pins of runs, is damaged and stays as it is: ${messageOf(error)}`);
      return { notes, whole: false };
    }
  }

  private get indexFile(): string {
    return `${this.folder}/index.json`;
  }

  private async readIndex(): Promise<Map<string, Indexed>> {
    try {
      const entries = v.parse(v.array(v.unknown()), JSON.parse(await this.files.read(this.indexFile)));
      // a summary that an earlier version wrote may lack what lists show now: its run is read again
      return new Map(
        entries.flatMap((entry) => (v.is(indexedSchema, entry) ? [[entry.summary.id, entry] as const] : [])),
      );
    } catch (error) {
      if (!isGone(error)) this.deps.log.warn(`The index of runs is damaged and is made anew: ${messageOf(error)}`);
      return new Map();
    }
  }

  /** One write after the other, so that the last state is what stays; a cache that cannot be written costs time only. */
  private writeIndex(): Promise<void> {
    this.writing = this.writing.then(async () => {
      const entries = [...this.entries.values()].map(({ summary, mtime, size }): Indexed => ({ summary, mtime, size }));
      await this.files
        .writeWhole(this.indexFile, JSON.stringify(entries), false)
        .catch((error: unknown) => this.deps.log.error(`The index of runs could not be written: ${messageOf(error)}`));
    });
    return this.writing;
  }

  /** Removes what a crash or a deletion long ago left. Other windows may do the same at the same time. */
  private async sweep(name: string): Promise<void> {
    const patience = name.endsWith(deletedSuffix)
      ? deletedForMs
      : name.endsWith(temporarySuffix)
        ? abandonedAfterMs
        : 0;
    if (patience === 0) return;
    const file = `${this.folder}/${name}`;
    try {
      // earlier versions set the time of the file when they deleted it
      const [, at = (await this.files.stat(file)).mtimeMs] = /\.(\d+)\.deleted$/.exec(name) ?? [];
      if (Date.now() - Number(at) <= patience) return;
      await this.files.remove(file);
      const id = runIdOf(name.replace(/\.[0-9a-f-]+(\.\d+)?\.deleted$/, ''));
      if (id !== null && !(await this.exists(runFile(this.folder, id)))) await this.files.remove(this.notesFile(id));
    } catch {
      // gone already, or not ours to remove
    }
  }
}

function listed({ summary, notes: { name, pinned } }: Entry): ListedRun {
  return { ...summary, label: name ?? summary.label, pinned: pinned === true, named: name !== undefined };
}

function later(a: Entry, b: Entry): number {
  return b.notes.sequence - a.notes.sequence || compare(b.summary.id, a.summary.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** So many files at a time that no limit of open files is met, and everything else has its turn after a millisecond or two. */
const batch = 64;

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += batch) {
    await Promise.all(items.slice(at, at + batch).map(work));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

function isGone(error: unknown): boolean {
  return (error as { readonly code?: unknown } | undefined)?.code === 'ENOENT';
}

function messageOf(error: unknown): string {
  return fileErrorWords(error);
}
