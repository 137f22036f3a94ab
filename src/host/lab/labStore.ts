import * as v from 'valibot';
import { labPages, labSettingsSchemas, type LabPage, type LabRecord } from '../../shared/lab.ts';
import { productVersion } from '../../shared/version.ts';
import type { Files } from '../../platform/platform.ts';
import { sha256Of } from '../../shared/sha256.ts';

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
  constructor(
    private readonly folder: string,
    private readonly files: Files,
  ) {}

  /** What there is for a data file; files that are damaged or of another version are left out. */
  async read(uri: string): Promise<LabRecords> {
    const found: Record<string, LabRecord> = {};
    for (const page of labPages) {
      try {
        const value: unknown = JSON.parse(await this.files.read(await this.file(uri, page)));
        if (v.is(recordSchema(page), value)) found[page] = value as LabRecord;
      } catch {
        // not there, or cut off: the page is then empty
      }
    }
    return found;
  }

  async write(uri: string, record: LabRecord): Promise<void> {
    await this.files.makeFolder(this.folder);
    await this.files.writeWhole(await this.file(uri, record.page), JSON.stringify(record));
  }

  private async file(uri: string, page: LabPage): Promise<string> {
    const name = await sha256Of(new TextEncoder().encode(uri));
    return `${this.folder}/${name.slice(0, 24)}.${page}.lab.json`;
  }
}
