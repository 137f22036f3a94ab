import type { RunRecord } from '../../src/shared/run.ts';
import { withoutPlace } from '../../src/shared/runView.ts';
import { comparisonReport } from './comparison.ts';
import { type ReportDocument, reportHtml, reportMarkdown } from './document.ts';
import { runReport } from './runReport.ts';

/** The ways a report is written: by the end of the file name. */
export const reportFormats = ['html', 'md'] as const;
export type ReportFormat = (typeof reportFormats)[number];

/** The report of a run: one HTML page without scripts, or Markdown without pictures. */
export function writeReport(run: RunRecord, format: ReportFormat): string {
  return written(runReport(withoutPlace(run)), format);
}

/** The same of runs beside each other; the first is the baseline. */
export function writeComparison(runs: readonly RunRecord[], format: ReportFormat): string {
  return written(comparisonReport(runs.map(withoutPlace)), format);
}

function written(report: ReportDocument, format: ReportFormat): string {
  switch (format) {
    case 'html':
      return reportHtml(report);
    case 'md':
      return reportMarkdown(report);
  }
}
