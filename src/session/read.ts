import { DataError } from '../core/data/dataError.ts';
import { readTable } from '../core/data/reader.ts';
import { withTestRows } from '../core/data/testRows.ts';
import type { FileSource, FileStamp } from '../core/data/source.ts';
import type { Control } from '../core/base/control.ts';
import type { TrainProgress } from '../shared/run.ts';
import type { TrainSettings } from '../shared/settings.ts';
import type { SessionDeps } from './context.ts';
import type { LoadedTable } from './draft.ts';
import { readAsTable } from './readLike.ts';

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** Reads the file, unless `known` is what it and the way to read it give. */
export async function loadTable(
  source: FileSource,
  settings: TrainSettings,
  known: LoadedTable | null,
  deps: SessionDeps,
  progress: (progress: TrainProgress) => void,
  control: Control,
): Promise<LoadedTable> {
  const stamp = await source.stat();
  const { testFile = '' } = settings;
  const second = testFile === '' ? undefined : await openTest(source, testFile, deps);
  const key = JSON.stringify([
    stamp,
    testFile,
    await second?.stat(),
    settings.dialect,
    settings.columnTypes,
    settings.maxRows,
    settings.maxRows > 0 ? settings.seed : 0,
  ]);
  if (known?.key === key) return known;
  const size = stamp?.size ?? source.size;
  let hash = deps.createHash();
  const table = await readTable(
    source,
    {
      dialect: settings.dialect,
      columnTypes: settings.columnTypes,
      maxRows: settings.maxRows,
      seed: settings.seed,
      observer: { start: () => (hash = deps.createHash()), bytes: (chunk) => hash.update(chunk) },
      progress: (bytes) =>
        progress({
          stage: 'reading',
          fraction: size > 0 ? Math.min(1, bytes / size) : null,
          message: size > 0 ? `${megabytes(bytes)} of ${megabytes(size)}` : megabytes(bytes),
        }),
    },
    control,
  );
  const sha256 = await hash.digest();
  if (second === undefined) return { key, table, stamp, sha256 };
  let testHash = deps.createHash();
  const observer = {
    start: () => (testHash = deps.createHash()),
    bytes: (chunk: Uint8Array) => testHash.update(chunk),
  };
  progress({ stage: 'reading', fraction: null, message: second.name });
  const testStamp = await second.stat();
  const { table: rows, contradictions } = await readAsTable(table, second, settings, observer, control);
  const { encoding, format, bytes } = rows;
  const sampled = rows.sampled
    ? [`Of its ${rows.rowsInFile} rows a seeded sample of ${rows.rows} is used (--max-rows).`]
    : [];
  const test = {
    ...{ name: second.name, bytes, sha256: await testHash.digest(), encoding },
    ...{ delimiter: rows.dialect.delimiter, format, columns: rows.columns.map(({ name }) => name) },
  };
  const told = { ...rows, warnings: [...contradictions, ...sampled, ...rows.warnings] };
  return {
    key,
    table: withTestRows(table, told),
    stamp,
    sha256,
    test: { source: second, stamp: testStamp, facts: test },
  };
}

/** The file with the test rows. */
export async function openTest(source: FileSource, name: string, { openBeside }: SessionDeps): Promise<FileSource> {
  if (openBeside === undefined)
    throw new DataError('settings', 'a second file with test rows cannot be reached from here', { file: source.name });
  return await openBeside(source.uri, name);
}

/** Says when a file is not what was read. */
export async function fileChange(source: FileSource, then: FileStamp | null): Promise<string | null> {
  const now = await source.stat();
  if (now === null) return `${source.name} has vanished since it was read; the run is of its former content.`;
  if (then !== null && (now.size !== then.size || now.mtime !== then.mtime)) {
    return `${source.name} changed while training; the run is of the content before.`;
  }
  return null;
}
