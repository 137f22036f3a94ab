import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { plural } from '../../shared/plural.ts';
import type { StudyTask } from '../../study/plan.ts';
import type { Engine, EngineEnd, EngineJob } from './engine.ts';
import type { TaskOutcome } from './execute.ts';

/** What a process of the pool reports. */
export type PoolReport = { readonly key: string } & TaskOutcome;

/** Tasks that a process has in hand: the one it works on and the next, so that it never waits for a message. */
const inHand = 2;
/** Between two looks whether a stop is asked, and whether others have ended what they work on. */
const lookMs = 100;

export interface LocalOptions {
  /** Processes; one per core when left out. */
  readonly processes?: number;
  /** The program, and the arguments that make a process of the pool of it. */
  readonly program: string;
}

/** Runs tasks on this machine, in processes that take one after the other. */
export function localEngine({ processes = availableParallelism(), program }: LocalOptions): Engine {
  return {
    describe: ({ todo }) => `on this machine, in ${plural(Math.min(processes, todo.length), 'process', 'processes')}`,
    run: (job) => new Pool(job, processes, program).run(),
  };
}

class Pool {
  private readonly waiting: StudyTask[];
  /** Others work on them; looked at again when there is nothing else. */
  private busy: StudyTask[] = [];
  private readonly children = new Map<ChildProcess, StudyTask[]>();
  private readonly deaths = new Map<string, number>();
  private gaveUp: string | undefined;
  private resolve: (end: EngineEnd) => void = () => undefined;
  private ended = false;

  constructor(
    private readonly job: EngineJob,
    private readonly processes: number,
    private readonly program: string,
  ) {
    this.waiting = [...job.todo];
  }

  async run(): Promise<EngineEnd> {
    const looking = setInterval(() => this.look(), lookMs);
    try {
      return await new Promise<EngineEnd>((resolve) => {
        this.resolve = resolve;
        this.fill();
      });
    } finally {
      clearInterval(looking);
      this.ended = true;
      // what is unfinished is lost, and nothing else
      for (const child of this.children.keys()) child.kill('SIGKILL');
    }
  }

  /** As many processes as there is work for, each with what it can take. */
  private fill(): void {
    while (
      this.children.size < Math.min(this.processes, this.waiting.length + this.children.size) &&
      this.waiting.length > 0
    )
      this.start();
    for (const [child, tasks] of this.children) {
      while (tasks.length < inHand && this.waiting.length > 0) {
        const task = this.waiting.shift()!;
        tasks.push(task);
        child.send(task.key);
      }
    }
    if (this.waiting.length > 0 || this.busy.length > 0) return;
    if ([...this.children.values()].every((tasks) => tasks.length === 0)) this.resolve({});
  }

  private start(): void {
    const child = fork(this.program, ['study', 'work', this.job.folder.folder], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.children.set(child, []);
    child.on('message', (message) => this.take(child, message as PoolReport));
    child.on('error', () => undefined); // 'exit' follows, or has been
    child.on('exit', () => this.gone(child));
  }

  private take(child: ChildProcess, report: PoolReport): void {
    const tasks = this.children.get(child) ?? [];
    const at = tasks.findIndex(({ key }) => key === report.key);
    const [task] = at < 0 ? [] : tasks.splice(at, 1);
    switch (report.kind) {
      case 'done':
        break;
      case 'busy':
        if (task !== undefined) this.busy.push(task);
        break;
      case 'failed':
        this.job.say(`task ${task?.number ?? report.key}: ${report.message}`);
        break;
      case 'unwritable':
        this.giveUp(`results cannot be written to ${this.job.folder.folder}: ${report.message}`);
        break;
    }
    this.job.progress();
    this.fill();
  }

  /** A process that died: what it had in hand goes to another, unless it died of it too often. */
  private gone(child: ChildProcess): void {
    const [first, ...others] = this.children.get(child) ?? [];
    this.children.delete(child);
    if (this.ended) return;
    this.waiting.unshift(...others);
    if (first !== undefined && !this.job.folder.isDone(first.key)) {
      const died = (this.deaths.get(first.key) ?? 0) + 1;
      this.deaths.set(first.key, died);
      if (died <= this.job.retries) this.waiting.unshift(first);
      else this.diedOf(first, died);
    }
    this.fill();
  }

  private diedOf(task: StudyTask, times: number): void {
    const message = `its process died ${plural(times, 'time')}, perhaps for want of memory`;
    this.job.say(`task ${task.number}: ${message}`);
    this.job.folder.fail(task.key, message).catch((error: unknown) => this.giveUp(String(error)));
  }

  private look(): void {
    if (this.job.stopAsked()) this.giveUp('it was stopped');
    if (this.waiting.length > 0 || this.busy.length === 0) return;
    const held = new Set(this.job.folder.claims.held());
    const free = this.busy.filter(({ key }) => !held.has(key));
    this.busy = this.busy.filter(({ key }) => held.has(key));
    this.waiting.push(...free.filter(({ key }) => !this.job.folder.isDone(key)));
    if (free.length > 0) {
      this.job.progress();
      this.fill();
    }
  }

  private giveUp(reason: string): void {
    this.gaveUp ??= reason;
    this.resolve({ gaveUp: this.gaveUp });
  }
}
