import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { labPages, labSettingsSchemas, type LabPage, type LabRecord } from '../../shared/lab.ts';
import { productVersion } from '../../shared/version.ts';
import { writeWhole } from '../../store/runFiles.ts';

export type LabRecords = { [P in LabPage]?: Extract<LabRecord, { page: P }> };

/** As much of a record as has to hold before it is sent to a page. */
const recordSchema = (page: LabPage): v.GenericSchema =>
  v.looseObject({
    format: v.literal('convexnet-lab/1'),
    page: v.literal(page),
    // What a result holds is known for this version only; the page can be run again.
    version: v.literal(productVersion),
    createdAt: v.string(),
    settings: labSettingsSchemas[page],
    data: v.looseObject({ lines: v.array(v.number()), classes: v.array(v.string()), warnings: v.array(v.string()) }),
    verdicts: v.array(v.looseObject({ id: v.string(), sentence: v.string() })),
    result: v.looseObject({}),
  });

/** The last result of every page of every data file, one file each. */
export class LabStore {
  constructor(private readonly folder: string) {}

  /** What there is for a data file; files that are damaged or of another version are left out. */
  async read(uri: string): Promise<LabRecords> {
    const found: Record<string, LabRecord> = {};
    for (const page of labPages) {
      try {
        const value: unknown = JSON.parse(await readFile(this.file(uri, page), 'utf8'));
        if (v.is(recordSchema(page), value)) found[page] = value as LabRecord;
      } catch {
        // not there, or cut off: the page is then empty
      }
    }
    return found;
  }

  async write(uri: string, record: LabRecord): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await writeWhole(this.file(uri, record.page), JSON.stringify(record));
  }

  private file(uri: string, page: LabPage): string {
    return path.join(this.folder, `${createHash('sha256').update(uri).digest('hex').slice(0, 24)}.${page}.lab.json`);
  }
}
