import type { Kernels } from '../core/base/kernels/kernels.ts';
import type { FileSource } from '../core/data/source.ts';
import type { Control } from '../core/base/control.ts';
import type { RunRecord, TrainProgress } from '../shared/run.ts';
import type { FoldThreads } from './foldThreads.ts';

/** What the session needs from its platform. */
export interface SessionDeps {
  /** A streaming SHA-256 (hex digest). */
  createHash(): { update(bytes: Uint8Array): void; digest(): string | Promise<string> };
  /** Lets messages and timers through between stages. */
  pause(): Promise<void>;
  /** A file that is named from the folder of another one. Left out: only the one file can be reached. */
  readonly openBeside?: (uri: string, name: string) => Promise<FileSource>;
  /** Wall clock for `createdAt` and the id. */
  date(): Date;
  /** Threads the solver may use; 1 when left out. */
  readonly threads?: number;
  /** Numeric kernels to run on; plain TypeScript when left out. */
  readonly kernels?: Kernels;
  /** Where folds are solved beside each other; in this thread, one after the other, when left out. */
  readonly folds?: FoldThreads;
}

export interface SessionListener {
  progress(progress: TrainProgress): void;
  /** The whole record so far: when the network is solved and its proof begins (`solution.proving`), and again after every stage. */
  record(run: RunRecord): void;
}

/** Stopped before there was a solution to show. */
export class TrainStopped extends Error {
  override readonly name = 'TrainStopped';
}

/** What a training works with besides its draft. */
export interface TrainingContext {
  readonly deps: SessionDeps;
  readonly listener: SessionListener;
  readonly control: Control;
}

/** What a stage works with besides its draft. */
export interface StageContext extends TrainingContext {
  /** Seconds that the stage may take; proofs have their own. */
  readonly seconds: number;
}

/** The same control without reports: what a stage solves on the side is no step of the solve that is shown. */
export const quiet = (control: Control): Control => ({
  shouldStop: () => control.shouldStop(),
  now: () => control.now(),
});

/** "The comparison was cut short by Stop: 3 of 9 runs." */
export function cutShort(what: string, control: Control, done: string): string {
  return `${what} was cut short by ${control.shouldStop() ? 'Stop' : 'the time limit'}: ${done}.`;
}
