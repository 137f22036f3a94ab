import * as vscode from 'vscode';
import { errorWords } from '../inLanguage.ts';
import {
  type FromLesson,
  fromLessonSchema,
  type Lesson,
  type LessonRun,
  type Quantity,
  quantities,
  solveFor,
  type ToLesson,
} from '../../shared/lesson.ts';
import type { RunRecord } from '../../shared/run.ts';
import type { TaskError } from '../../worker/api.ts';
import { fileName } from '../address.ts';
import { showError } from '../errors.ts';
import type { Explorer } from '../explorer.ts';
import { PageChannel } from '../panel/pageChannel.ts';
import { revealLine } from '../revealLine.ts';
import type { Dataset } from '../train/dataset.ts';
import { TaskFailure } from '../train/taskFailure.ts';
import { biasOf } from '../../core/problem/problem.ts';

/** What a lesson works with. */
export interface LessonTools {
  readonly explorer: Explorer;
  readonly extensionUri: vscode.Uri;
  readonly read: (uri: vscode.Uri) => Promise<Lesson>;
}

/** A lesson that is taken: its page, and the runs that its steps made. What was guessed is the page's own. */
export class LessonPanel {
  private readonly page: PageChannel<FromLesson, ToLesson>;
  private lesson: Lesson | null = null;
  private error: TaskError | null = null;
  private readonly solved = new Map<number, { readonly id: string; readonly shown: LessonRun }>();
  private readonly typed: Record<number, ToLesson['typed'][number]> = {};
  private working: number | null = null;

  constructor(
    panel: vscode.WebviewPanel,
    readonly uri: vscode.Uri,
    private readonly tools: LessonTools,
  ) {
    const { explorer, extensionUri } = tools;
    this.page = new PageChannel<FromLesson, ToLesson>(panel, {
      bundle: 'lesson',
      kind: 'Lesson',
      title: vscode.l10n.t('Lesson: {0}', fileName(vscode.Uri.joinPath(uri, '..'))),
      extensionUri,
      log: explorer.log,
      messages: fromLessonSchema,
      restored: this.load(),
      snapshot: () => this.snapshot(),
      answer: (message) => this.answer(message).catch((error: unknown) => showError(error, uri, explorer.log)),
    });
  }

  get onDidDispose(): vscode.Event<void> {
    return this.page.onDidDispose;
  }

  /** To the front, with the file as it is now. */
  async reveal(): Promise<void> {
    this.page.panel.reveal(undefined, false);
    await this.load();
    this.page.sendSnapshot();
  }

  private async load(): Promise<void> {
    try {
      this.lesson = await this.tools.read(this.uri);
      this.error = null;
    } catch (error) {
      this.error = error instanceof TaskFailure ? error.detail : { message: errorWords(error) };
    }
  }

  private get dataset(): Dataset {
    return this.tools.explorer.dataset(vscode.Uri.joinPath(this.uri, '..', this.lesson!.data));
  }

  private async answer(message: Exclude<FromLesson, { readonly type: 'ready' }>): Promise<void> {
    switch (message.type) {
      case 'solve':
        return this.work(message.step, () => this.solve(message.step));
      case 'look':
        return this.look(message.step);
      case 'certify':
        return this.work(message.step, () => this.certify(message.step, message.text));
      case 'stop':
        if (this.lesson !== null) this.dataset.stop();
        return;
      case 'openFile':
        return revealLine(this.uri, this.error?.line ?? 1, this.error?.column);
    }
  }

  /** One step at a time. */
  private async work(step: number, act: () => Promise<void>): Promise<void> {
    if (this.working !== null || this.lesson === null) return;
    this.working = step;
    this.page.sendSnapshot();
    try {
      await act();
    } finally {
      this.working = null;
      this.page.sendSnapshot();
    }
  }

  private async solve(at: number): Promise<void> {
    const step = this.lesson?.steps[at];
    if (step?.kind !== 'solve') return;
    const { explorer } = this.tools;
    const summary = await explorer.train(this.dataset, step.settings);
    const record = this.dataset.run?.record;
    // a failure is shown in the panel
    if (summary === undefined || record?.id !== summary.id) return;
    this.solved.set(at, { id: summary.id, shown: { ...figuresOf(record), headline: summary.verdict.headline } });
  }

  private async look(at: number): Promise<void> {
    const step = this.lesson?.steps[at];
    if (step?.kind !== 'look') return;
    const { explorer } = this.tools;
    const run = this.solved.get(solveFor(this.lesson!, at) ?? -1);
    if (run !== undefined && this.dataset.run?.summary.id !== run.id) await explorer.openRun(run.id);
    explorer.showPanel(this.dataset).openView(step.view);
  }

  private async certify(at: number, text: string): Promise<void> {
    const run = this.solved.get(solveFor(this.lesson!, at) ?? -1);
    if (run === undefined) return;
    try {
      this.typed[at] = { verdict: await this.dataset.judgeTyped(run.id, text) };
    } catch (error) {
      this.typed[at] = { error: errorWords(error) };
    }
  }

  private snapshot(): ToLesson {
    const { error } = this;
    return {
      type: 'lesson',
      uri: this.uri.toString(),
      lesson: this.lesson,
      error: error && { message: error.message, line: error.line, column: error.column },
      runs: Object.fromEntries([...this.solved].map(([step, { shown }]) => [step, shown])),
      typed: this.typed,
      working: this.working,
    };
  }
}

/** The numbers of a run that questions may be about, and how a network is typed on its problem. */
function figuresOf(run: RunRecord): Omit<LessonRun, 'headline'> {
  const figures = (Object.keys(quantities) as Quantity[]).map((name) => {
    const value = quantities[name].of(run);
    return [name, Number.isFinite(value) ? value : null] as const;
  });
  const { inputs, outputs } = run.resolved;
  const columns = [
    ...Array.from({ length: inputs }, (_, k) => `w${k + 1}`),
    ...(biasOf(run.settings.bias).column ? ['b'] : []),
    ...Array.from({ length: outputs }, (_, k) => (outputs === 1 ? 'a' : `a${k + 1}`)),
  ].join(' ');
  return { quantities: Object.fromEntries(figures) as LessonRun['quantities'], columns };
}
