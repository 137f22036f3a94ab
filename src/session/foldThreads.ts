import { type Endpoint, expose, type Remote, wrap } from 'comlink';
import type { Control } from '../core/base/control.ts';
import { createKernels } from '../core/base/kernels/createKernels.ts';
import type { DenseMatrix } from '../core/base/linalg/matrix.ts';
import { ProblemError } from '../core/base/problemError.ts';
import { DataError } from '../core/data/dataError.ts';
import type { StopMark, Stops } from '../shared/stopFlag.ts';
import type { FamilyOptions, Posed } from './family/family.ts';
import { familyOf } from './family/registry.ts';

/** Threads that solve folds beside each other; the platform starts them when they are needed. */
export interface FoldThreads {
  readonly count: number;
  start(): FoldThread;
  createStops(): Stops;
}

/** A thread in which `serveFolds` runs. */
export interface FoldThread {
  readonly endpoint: Endpoint;
  /** Told once when it ends by itself. */
  onEnd(told: (reason: string) => void): void;
  terminate(): void;
}

/** What every solve of folds is given, but for the beta and where it starts. */
export type FoldOptions = Omit<FamilyOptions, 'kernels' | 'warm' | 'onSolved' | 'harvest'>;

export interface FoldSolved {
  /** Outputs on all rows, encoded targets. */
  readonly fit: DenseMatrix;
  readonly active: number;
  /** Its own time limit ended it. */
  readonly unfinished: boolean;
  readonly warm: unknown;
}

/** A network on the rows of a fold; undefined when stopped. */
export function solveFold(posed: Posed, options: FamilyOptions, control: Control): FoldSolved | undefined {
  if (control.shouldStop()) return undefined;
  const outcome = familyOf(posed.problem.model).solve(posed, options, control);
  const fit = control.shouldStop() ? undefined : outcome.predict(posed.data.X, () => control.shouldStop());
  if (fit === undefined) return undefined;
  const { status, warm } = outcome.solution;
  return { fit, active: outcome.active, unfinished: status === 'time-limit', warm };
}

/** How a solve in a thread ended. Errors cross as values, because a thrown one would lose its class. */
type Ending = { readonly solved: FoldSolved | undefined } | { readonly refused: string };

/** What a thread offers (through comlink). */
interface FoldApi {
  pose(fold: number, posed: Posed, options: FoldOptions): void;
  /** `from` is what an earlier solve in this thread gave as `warm`. */
  solve(fold: number, beta: number, from: number | undefined, mark: StopMark): Ending;
}

/** Serves as a thread of folds, on one thread of kernels. What solves may start from stays here and goes by number. */
export function serveFolds(endpoint: Endpoint, control: (mark: StopMark) => Control): void {
  const kernels = createKernels();
  const folds = new Map<number, { readonly posed: Posed; readonly options: FoldOptions }>();
  const kept: unknown[] = [];
  const api: FoldApi = {
    pose(fold, posed, options) {
      folds.set(fold, { posed, options });
    },
    solve(fold, beta, from, mark) {
      const { posed, options } = folds.get(fold)!;
      const at = { ...posed, problem: { ...posed.problem, beta } };
      try {
        const warm = from === undefined ? undefined : kept[from];
        const solved = solveFold(at, { ...options, kernels, warm }, control(mark));
        return { solved: solved && { ...solved, warm: kept.push(solved.warm) - 1 } };
      } catch (error) {
        if (error instanceof ProblemError || error instanceof DataError) return { refused: error.message };
        throw error;
      }
    },
  };
  expose(api, endpoint);
}

/** Between two looks whether the threads have to stop. */
const lookMs = 20;

/** One thread, with the solves that wait for it in order. */
interface Line {
  readonly thread: FoldThread;
  readonly api: Remote<FoldApi>;
  /** Rejects when the thread ends by itself. */
  readonly ended: Promise<never>;
  last: Promise<unknown>;
}

/** Folds on threads: each fold has its thread, so that its solves go on from one another, and a thread solves one at a time. The same numbers as in place. */
export class FoldPool {
  private readonly lines: readonly Line[];
  private readonly stops: Stops;

  constructor(threads: FoldThreads, count: number) {
    this.stops = threads.createStops();
    this.lines = Array.from({ length: count }, (): Line => {
      const thread = threads.start();
      const ended = new Promise<never>((_, reject) =>
        thread.onEnd((reason) => reject(new Error(`a thread of the cross-validation: ${reason}`))),
      );
      ended.catch(() => undefined); // whoever waits for an answer is told
      return { thread, api: wrap<FoldApi>(thread.endpoint), ended, last: Promise.resolve() };
    });
  }

  /** The problem of fold number `fold`, before it is solved. */
  pose(fold: number, posed: Posed, options: FoldOptions): void {
    const line = this.lineOf(fold);
    line.last = Promise.race([line.api.pose(fold, posed, options), line.ended]);
    line.last.catch(() => undefined);
  }

  /** As `solveFold` at this beta from the `warm` of an earlier one of the fold; `begin` is called when its thread is free for it. */
  async solve(
    fold: number,
    beta: number,
    warm: unknown,
    control: Control,
    begin: () => void,
  ): Promise<FoldSolved | undefined> {
    const line = this.lineOf(fold);
    const turn = line.last.then(async () => {
      if (control.shouldStop()) return undefined;
      begin();
      const mark = this.stops.begin();
      const looking = setInterval(() => {
        if (control.shouldStop()) this.stops.stop(mark);
      }, lookMs);
      try {
        return await Promise.race([line.api.solve(fold, beta, warm as number | undefined, mark), line.ended]);
      } finally {
        clearInterval(looking);
        this.stops.end(mark);
      }
    });
    line.last = turn.catch(() => undefined);
    const ending = await turn;
    if (ending === undefined) return undefined;
    if ('refused' in ending) throw new ProblemError(ending.refused);
    return ending.solved;
  }

  dispose(): void {
    for (const { thread } of this.lines) thread.terminate();
  }

  private lineOf(fold: number): Line {
    return this.lines[fold % this.lines.length];
  }
}
