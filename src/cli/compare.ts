import { comparisonRefusal } from '../shared/compareRuns.ts';
import type { RunRecord } from '../shared/run.ts';
import { nodeFiles } from '../platform/node/nodeFiles.ts';
import { readRun, RunFileError } from '../store/runFiles.ts';
import { writeComparison } from '../../webview/report/report.ts';
import { checkInput } from './inputs.ts';
import { parseOptions } from './options.ts';
import { Outputs } from './outputs.ts';
import { formatOf } from './report.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

export const compareCommand: Command = {
  summary: 'put runs beside each other: settings that differ, results, paired errors, shared neurons',
  help: `convexnet compare BASELINE.json RUN.json ... --out FILE

Puts 2 to 20 runs with the same target (as convexnet train --out writes them, or exported by the editor) beside each other; the first is the
baseline. FILE.html is one page with pictures and without scripts, FILE.md is Markdown without pictures, FILE.csv
has the tables alone.

  --out FILE               where to write it; the end of the name says how: .html, .md or .csv

Exit status: 0 done, 2 bad input, 1 internal error.
`,
  async run(args) {
    const { values, positionals } = parseOptions(args, { out: { type: 'string' } });
    if (values.out === undefined)
      throw new UsageError('give runs, and --out with the file to write', { showHelp: true });
    const format = formatOf(values.out);
    const outputs = new Outputs({ '--out': values.out }, positionals);
    for (const file of positionals) checkInput(file);
    const runs: RunRecord[] = [];
    try {
      for (const file of positionals) runs.push(await readRun(file, nodeFiles));
    } catch (error) {
      if (error instanceof RunFileError) throw new UsageError(error.message);
      throw error;
    }
    const refusal = comparisonRefusal(runs);
    if (refusal !== undefined) throw new UsageError(refusal);
    await outputs.write('--out', writeComparison(runs, format));
    return outputs.status(exitStatus.ok);
  },
};
