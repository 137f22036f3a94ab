import { relativeGap } from '../core/problem/gap.ts';
import { plainText } from '../core/data/plainText.ts';
import type { SolverProgress } from '../core/base/control.ts';

/** Progress on stderr: one line that is rewritten on a terminal, one line per report otherwise. */
export function progressWriter(): { readonly show: (progress: SolverProgress) => void; readonly end: () => void } {
  const terminal = process.stderr.isTTY;
  let open = false;
  return {
    show({ iteration, seconds, objective, dualBound, active, phase }) {
      const gap = relativeGap(objective, dualBound);
      const line =
        `${seconds.toFixed(1)} s  ${plainText(phase)} ${iteration}  objective ${objective.toPrecision(8)}  ` +
        `gap ${Number.isFinite(gap) ? gap.toExponential(1) : '-'}  active ${active}`;
      process.stderr.write(terminal ? `\r${line}\u001b[K` : `${line}\n`);
      open = terminal;
    },
    end() {
      if (open) process.stderr.write('\n');
      open = false;
    },
  };
}
