import { relativeGap } from '../core/problem/gap.ts';
import { plainText } from '../core/data/plainText.ts';
import type { SolverProgress } from '../core/base/control.ts';

/** Progress on stderr: one line that is rewritten on a terminal, one line per report otherwise. */
export function progressWriter(): { readonly show: (progress: SolverProgress) => void; readonly end: () => void } {
  const terminal = process.stderr.isTTY;
  let open = false;
  return {
    show(progress) {
      const line = progressWords(progress);
      process.stderr.write(terminal ? `\r${line}\u001b[K` : `${line}\n`);
      open = terminal;
    },
    end() {
      if (open) process.stderr.write('\n');
      open = false;
    },
  };
}

/** What is known of the progress, and no more. */
function progressWords({ iteration, seconds, objective, dualBound, active, phase, fraction }: SolverProgress): string {
  const gap = relativeGap(objective, dualBound);
  const parts = [
    `${seconds.toFixed(1)} s`,
    Number.isFinite(iteration) ? `${plainText(phase)} ${iteration}` : plainText(phase),
    fraction === undefined ? '' : `${Math.round(100 * fraction)} %`,
    Number.isFinite(objective) ? `objective ${objective.toPrecision(8)}` : '',
    Number.isFinite(gap) ? `gap ${gap.toExponential(1)}` : '',
    Number.isFinite(active) ? `active ${active}` : '',
  ];
  return parts.filter((part) => part !== '').join('  ');
}
