import type { FormulaCells } from '../../src/core/data/formulaCells.ts';
import { compareRuns } from '../../src/shared/compareRuns.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { withoutPlace } from '../../src/shared/runView.ts';
import { comparisonReport } from './comparison.ts';
import { reportCsv, type ReportDocument, reportHtml, reportMarkdown } from './document.ts';
import { runReport } from './runReport.ts';

/** The ways a report is written: by the end of the file name. */
export const reportFormats = ['html', 'md', 'csv'] as const;
export type ReportFormat = (typeof reportFormats)[number];

/**
 * The report of a run: one HTML page without scripts, Markdown without pictures, or the tables alone.
 * @param formulas what becomes of texts that a spreadsheet would run, in CSV
 */
export function writeReport(run: RunRecord, format: ReportFormat, formulas: FormulaCells = 'neutralize'): string {
  return written(runReport(withoutPlace(run)), format, formulas);
}

/** The same of runs beside the one at `baseline`. */
export function writeComparison(
  runs: readonly RunRecord[],
  format: ReportFormat,
  { baseline = 0, formulas = 'neutralize' }: { readonly baseline?: number; readonly formulas?: FormulaCells } = {},
): string {
  return written(comparisonReport(compareRuns(runs.map(withoutPlace), baseline)), format, formulas);
}

function written(report: ReportDocument, format: ReportFormat, formulas: FormulaCells): string {
  switch (format) {
    case 'html':
      return reportHtml(report);
    case 'md':
      return reportMarkdown(report);
    case 'csv':
      return reportCsv(report, formulas);
  }
}
