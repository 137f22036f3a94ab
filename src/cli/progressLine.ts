import { relativeGap } from '../core/problem/gap.ts';
import { plainText } from '../core/data/plainText.ts';
import type { SolverProgress } from '../core/base/control.ts';
import { type BackgroundJob, runInBackground } from './background.ts';

/** Milliseconds between two looks at what to show, on a terminal and elsewhere. */
const everyMilliseconds = { terminal: 200, elsewhere: 1000 } as const;
/** Work that ends sooner shows nothing. */
const patience = 500;

/**
 * Runs a task with its progress on standard error: one line that is rewritten on a terminal; elsewhere, where `asked`, a line a second and one for
 * everything new that it turns to. The time goes on where the task has nothing to say.
 */
export async function runShown(job: BackgroundJob, asked = false): Promise<unknown> {
  const terminal = process.stderr.isTTY;
  if (!terminal && !asked) return runInBackground(job);
  const started = performance.now();
  let words = '';
  let shown = '';
  let turnedTo = '';
  const show = (): void => {
    const passed = performance.now() - started;
    if (terminal && passed < patience) return;
    const line = `${(passed / 1000).toFixed(terminal ? 1 : 0)} s  ${words === '' ? 'working' : words}`;
    if (line === shown) return;
    shown = line;
    process.stderr.write(terminal ? `\r${line}\u001b[K` : `${line}\n`);
  };
  const timer = setInterval(show, terminal ? everyMilliseconds.terminal : everyMilliseconds.elsewhere);
  try {
    return await runInBackground(job, (progress) => {
      words = progressWords(progress);
      if (!terminal && progress.phase !== turnedTo) show();
      turnedTo = progress.phase;
    });
  } finally {
    clearInterval(timer);
    if (terminal && shown !== '') process.stderr.write('\n');
  }
}

/** What is known of the progress, and no more. */
function progressWords({ iteration, objective, dualBound, active, phase, fraction }: SolverProgress): string {
  const gap = relativeGap(objective, dualBound);
  const parts = [
    Number.isFinite(iteration) ? `${plainText(phase)} ${iteration}` : plainText(phase),
    fraction === undefined ? '' : `${Math.round(100 * fraction)} %`,
    Number.isFinite(objective) ? `objective ${objective.toPrecision(8)}` : '',
    Number.isFinite(gap) ? `gap ${gap.toExponential(1)}` : '',
    Number.isFinite(active) ? `active ${active}` : '',
  ];
  return parts.filter((part) => part !== '').join('  ');
}
