import { largest } from '../../core/base/extremes.ts';
import { DataError } from '../../core/data/dataError.ts';
import { cellText, lineOf } from './rowsToText.ts';

/**
 * The rows of the first sheet of a workbook (.xlsx) that has any, as lines of comma-separated text; of formulas the values that were saved.
 * @throws {DataError} for what is no such workbook
 */
export async function* excelLines(bytes: Uint8Array, file: string): AsyncGenerator<string> {
  const { default: readWorkbook } = await import('read-excel-file/universal');
  let sheets: Awaited<ReturnType<typeof readWorkbook>>;
  try {
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    sheets = await readWorkbook(buffer);
  } catch (error) {
    throw new DataError(
      'not-text',
      `this ZIP archive cannot be read as an Excel workbook (${(error as Error).message}); save the table as CSV`,
      { file },
    );
  }
  const sheet = sheets.find(({ data }) => data.length > 0);
  if (sheet === undefined) throw new DataError('empty-file', 'the workbook has no sheet with cells', { file });
  const width = largest(sheet.data.map((row) => row.length));
  for (const row of sheet.data) yield lineOf(Array.from({ length: width }, (_, j) => cellText(row[j])));
}
