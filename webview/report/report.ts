import type { RunRecord } from '../../src/shared/run.ts';
import { reportHtml, reportMarkdown } from './document.ts';
import { runReport } from './runReport.ts';

/** The ways a report is written: by the end of the file name. */
export const reportFormats = ['html', 'md'] as const;
export type ReportFormat = (typeof reportFormats)[number];

/** The report of a run: one HTML page without scripts, or Markdown without pictures. */
export function writeReport(run: RunRecord, format: ReportFormat): string {
  const report = runReport(run);
  switch (format) {
    case 'html':
      return reportHtml(report);
    case 'md':
      return reportMarkdown(report);
  }
}
