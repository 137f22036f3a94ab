import type { FormulaCells } from '../../src/core/data/formulaCells.ts';
import { compareRuns } from '../../src/shared/compareRuns.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { type Language, saidIn } from '../../src/shared/texts.ts';
import { withoutPlace } from '../../src/shared/runView.ts';
import { comparisonReport } from './comparison.ts';
import { reportCsv, type ReportDocument, reportHtml, reportMarkdown } from './document.ts';
import { runReport } from './runReport.ts';

/** The ways a report is written: by the end of the file name. */
export const reportFormats = ['html', 'md', 'csv'] as const;
export type ReportFormat = (typeof reportFormats)[number];

export interface ReportOptions {
  /** What becomes of texts that a spreadsheet would run, in CSV. */
  readonly formulas?: FormulaCells;
  /** What it is written in; left out: English. */
  readonly language?: Language | undefined;
}

/** The report of a run: one HTML page without scripts, Markdown without pictures, or the tables alone. */
export function writeReport(run: RunRecord, format: ReportFormat, options: ReportOptions = {}): string {
  return written(() => runReport(withoutPlace(run)), format, options);
}

/** The same of runs beside the one at `baseline`. */
export function writeComparison(
  runs: readonly RunRecord[],
  format: ReportFormat,
  { baseline = 0, ...options }: ReportOptions & { readonly baseline?: number } = {},
): string {
  return written(() => comparisonReport(compareRuns(runs.map(withoutPlace), baseline)), format, options);
}

function written(
  report: () => ReportDocument,
  format: ReportFormat,
  { formulas = 'neutralize', language }: ReportOptions,
): string {
  return saidIn(language, () => {
    switch (format) {
      case 'html':
        return reportHtml(report());
      case 'md':
        return reportMarkdown(report());
      case 'csv':
        return reportCsv(report(), formulas);
    }
  });
}
