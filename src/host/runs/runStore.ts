import { mkdir, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import * as vscode from 'vscode';
import { runIdSchema, runSummarySchema, type RunSummary } from '../../shared/runSummary.ts';
import { runFile, runIdOf, temporarySuffix, writeWhole } from '../../store/runFiles.ts';
import type { PanelRun } from '../../worker/api.ts';
import { describe } from '../log.ts';

/** Longest name that a person may give a run. */
export const nameLimit = 200;

const entrySchema = v.object({ summary: runSummarySchema, mtime: v.number() });
/** What a person noted about a run: a name of their own, and whether it stays on top. */
const marksSchema = v.record(
  runIdSchema,
  v.object({
    name: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(nameLimit))),
    pinned: v.optional(v.literal(true)),
  }),
);
type Marks = v.InferOutput<typeof marksSchema>[string];

const deletedSuffix = '.deleted';
const abandonedAfterMs = 3_600_000;

/** A run file that could not be used, with the reason. */
export interface UnreadableRun {
  readonly id: string;
  readonly file: string;
  readonly reason: string;
}

/** A run as lists show it: under the name that it was given, if any. */
export interface ListedRun extends RunSummary {
  readonly pinned: boolean;
}

interface Entry {
  readonly summary: RunSummary;
  readonly mtime: number;
}

/**
 * The runs of this workspace: one file each, which is the truth, and an index of summaries, which is a cache. What the index
 * does not know, or knows in another version, is read again; a damaged index costs time, a damaged run costs that run only. Names and
 * pins are in a file of their own, since an index that is made anew could not know them.
 */
export class RunStore {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;
  private readonly entries = new Map<string, Entry>();
  private marks: Record<string, Marks> = {};
  private bad: readonly UnreadableRun[] = [];
  private writing: Promise<void> = Promise.resolve();

  constructor(
    readonly folder: string,
    /** Reads a run, elsewhere than on this thread: runs may be large. */
    readonly load: (id: string) => Promise<PanelRun>,
    /** How many runs to keep; 0: all. */
    private readonly keep: () => number,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** Newest first. */
  list(): readonly ListedRun[] {
    return [...this.entries.values()]
      .map((entry) => this.listed(entry.summary))
      .sort((a, b) => b.createdAt.localeCompare(a.createdAt) || b.id.localeCompare(a.id));
  }

  listFor(uri: string): readonly ListedRun[] {
    return this.list().filter((run) => run.uri === uri);
  }

  get(id: string): ListedRun | undefined {
    const entry = this.entries.get(id);
    return entry && this.listed(entry.summary);
  }

  /** Gives a run a name of its own; an empty one takes it back. */
  rename(id: string, name: string): Promise<void> {
    return this.mark(id, { ...this.marks[id], name: name.trim().slice(0, nameLimit) || undefined });
  }

  /** A pinned run stands above the others and is never removed to make room. */
  pin(id: string, pinned: boolean): Promise<void> {
    return this.mark(id, { ...this.marks[id], pinned: pinned || undefined });
  }

  get unreadable(): readonly UnreadableRun[] {
    return this.bad;
  }

  /** Reads the folder. Call once before anything else; safe to call again. */
  async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const indexed = await this.readIndex();
    this.marks = await this.readMarks();
    const bad: UnreadableRun[] = [];
    let repaired = false;
    this.entries.clear();
    for (const name of await readdir(this.folder)) {
      const file = path.join(this.folder, name);
      const id = runIdOf(name);
      if (id === null) {
        await this.sweep(file);
        continue;
      }
      try {
        const { mtimeMs } = await stat(file);
        const known = indexed.get(id);
        if (known?.mtime === mtimeMs) {
          this.entries.set(id, known);
          continue;
        }
        const { summary } = await this.load(id);
        if (summary.id !== id) throw new Error(`It holds the run ${summary.id}.`);
        this.entries.set(id, { summary, mtime: mtimeMs });
        repaired = true;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.log.warn(`Run ${id}: ${reason}`);
        bad.push({ id, file, reason });
      }
    }
    this.bad = bad;
    const there = new Set([...this.entries.keys(), ...bad.map(({ id }) => id)]);
    this.marks = Object.fromEntries(Object.entries(this.marks).filter(([id]) => there.has(id)));
    if (repaired) await this.writeIndex();
    this.changed.fire();
  }

  /** Takes up a run whose file has just been written. */
  async add(summary: RunSummary): Promise<void> {
    const { mtimeMs } = await stat(runFile(this.folder, summary.id));
    this.entries.set(summary.id, { summary, mtime: mtimeMs });
    const keep = this.keep();
    if (keep > 0)
      for (const old of this.list()
        .slice(keep)
        .filter((run) => !run.pinned)) {
        this.entries.delete(old.id);
        await rm(runFile(this.folder, old.id), { force: true });
      }
    await this.writeIndex();
    this.changed.fire();
  }

  /** Removes the file of a run that was never taken up. */
  async discard(id: string): Promise<void> {
    if (!this.entries.has(id)) await rm(runFile(this.folder, id), { force: true });
  }

  /** Removes a run; the function that comes back brings it back as long as the window is open. */
  async remove(id: string): Promise<() => Promise<void>> {
    const file = runFile(this.folder, id);
    const entry = this.entries.get(id);
    const unreadable = this.bad.find((run) => run.id === id);
    await rename(file, file + deletedSuffix);
    this.entries.delete(id);
    this.bad = this.bad.filter((run) => run.id !== id);
    await this.writeIndex();
    this.changed.fire();
    return async () => {
      await rename(file + deletedSuffix, file);
      if (entry) this.entries.set(id, entry);
      if (unreadable) this.bad = [...this.bad, unreadable];
      await this.writeIndex();
      this.changed.fire();
    };
  }

  dispose(): void {
    this.changed.dispose();
  }

  private listed(summary: RunSummary): ListedRun {
    const { name, pinned } = this.marks[summary.id] ?? {};
    return { ...summary, label: name ?? summary.label, pinned: pinned === true };
  }

  private async mark(id: string, marks: Marks): Promise<void> {
    if (!this.entries.has(id)) throw new Error(`There is no run ${id}.`);
    this.marks = { ...this.marks, [id]: marks };
    const known = Object.entries(this.marks).filter(([, { name, pinned }]) => name !== undefined || pinned === true);
    this.changed.fire();
    const done = this.writing.then(() => writeWhole(this.marksFile, JSON.stringify(Object.fromEntries(known))));
    this.writing = done.catch((error: unknown) => this.log.error(`Names of runs: ${describe(error)}`));
    await done;
  }

  private get marksFile(): string {
    return path.join(this.folder, 'names.json');
  }

  private async readMarks(): Promise<Record<string, Marks>> {
    try {
      return v.parse(marksSchema, JSON.parse(await readFile(this.marksFile, 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.log.warn(`The names and pins of runs cannot be read: ${describe(error)}`);
      return {};
    }
  }

  private get indexFile(): string {
    return path.join(this.folder, 'index.json');
  }

  private async readIndex(): Promise<Map<string, Entry>> {
    try {
      const entries = v.parse(v.array(v.unknown()), JSON.parse(await readFile(this.indexFile, 'utf8')));
      // a summary that an earlier version wrote may lack what lists show now: its run is read again
      return new Map(
        entries.flatMap((entry) => (v.is(entrySchema, entry) ? [[entry.summary.id, entry] as const] : [])),
      );
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.log.warn(`The index of runs is damaged and is made anew: ${describe(error)}`);
      return new Map();
    }
  }

  /** One write after the other, so that the last state is what stays. */
  private writeIndex(): Promise<void> {
    this.writing = this.writing
      .then(() => writeWhole(this.indexFile, JSON.stringify([...this.entries.values()])))
      .catch((error: unknown) => this.log.error(`The index of runs could not be written: ${describe(error)}`));
    return this.writing;
  }

  /** Removes what a crash or a deletion in an earlier window left. */
  private async sweep(file: string): Promise<void> {
    if (file.endsWith(deletedSuffix)) await rm(file, { force: true });
    else if (file.endsWith(temporarySuffix)) {
      const { mtimeMs } = await stat(file);
      if (Date.now() - mtimeMs > abandonedAfterMs) await rm(file, { force: true });
    }
  }
}
