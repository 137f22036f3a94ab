import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { RunRecord } from '../../src/shared/run.ts';
import { nodeFiles } from '../../src/platform/node/nodeFiles.ts';
import { writeRun } from '../../src/store/runFiles.ts';

/** A process that writes one run after the other and says each that is on disk, until it is killed. */
async function main([folder, prefix]: readonly string[]): Promise<void> {
  const file = path.join(import.meta.dirname, '../fixtures/runs/xor_2d.json');
  const run = JSON.parse(readFileSync(file, 'utf8')) as RunRecord;
  for (let k = 0; ; k++) {
    const id = `${prefix}-${k}`;
    await writeRun(folder, { ...run, id }, nodeFiles);
    process.send!(id);
  }
}

void main(process.argv.slice(2));
