import { parquetWriteBuffer } from 'hyparquet-writer';
import type { StudyTable } from '../../study/table.ts';

/** The table as Parquet: every column of one type, nulls where there is nothing. */
export function parquetOf({ columns, rows }: StudyTable): Uint8Array {
  const columnData = columns.map((name, k) => {
    const cells = rows.map((row) => row[k]);
    const there = cells.filter((cell) => cell !== null);
    if (there.length > 0 && there.every((cell) => typeof cell === 'number'))
      return { name, data: cells, type: 'DOUBLE' as const, nullable: true };
    if (there.length > 0 && there.every((cell) => typeof cell === 'boolean'))
      return { name, data: cells, type: 'BOOLEAN' as const, nullable: true };
    return {
      name,
      data: cells.map((cell) => (cell === null ? null : String(cell))),
      type: 'STRING' as const,
      nullable: true,
    };
  });
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}
