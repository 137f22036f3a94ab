import { nodeFiles } from '../platform/node/nodeFiles.ts';
import { readRun, RunFileError } from '../store/runFiles.ts';
import { type ReportFormat, reportFormats, writeReport } from '../../webview/report/report.ts';
import { checkInput } from './inputs.ts';
import { parseOptions } from './options.ts';
import { Outputs } from './outputs.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

/** How a report is written, by the end of its name. */
export function formatOf(file: string): ReportFormat {
  const format = reportFormats.find((end) => file.toLowerCase().endsWith(`.${end}`));
  if (format === undefined) throw new UsageError(`--out needs a name that ends in .html, .md or .csv, not "${file}"`);
  return format;
}

export const reportCommand: Command = {
  summary: 'write a run as a report to hand in: one HTML page, or Markdown',
  help: `convexnet report RUN.json --out FILE

Writes what a run (as convexnet train --out writes it, or exported by the editor) found: verdict and certificate, scores, pictures, the network,
the path over beta, gradient descent, data and settings, and the command line that repeats it. FILE.html is one page without scripts that loads
nothing and prints; FILE.md is Markdown, without the pictures; FILE.csv has the tables alone.

  --out FILE               where to write it; the end of the name says how: .html, .md or .csv

Exit status: 0 done, 2 bad input, 1 internal error.
`,
  async run(args) {
    const { values, positionals } = parseOptions(args, { out: { type: 'string' } });
    if (positionals.length !== 1 || values.out === undefined)
      throw new UsageError('give a run, and --out with the file to write', { showHelp: true });
    const format = formatOf(values.out);
    const outputs = new Outputs({ '--out': values.out }, positionals);
    checkInput(positionals[0]);
    try {
      await outputs.write('--out', writeReport(await readRun(positionals[0], nodeFiles), format));
    } catch (error) {
      if (error instanceof RunFileError) throw new UsageError(error.message);
      throw error;
    }
    return outputs.status(exitStatus.ok);
  },
};
