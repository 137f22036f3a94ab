import assert from 'node:assert/strict';
import { it } from 'node:test';
import { hostMessages } from './host.ts';
import { hostFiles } from './hostFiles.ts';
import * as inputSections from './sections.ts';
import * as verbSections from './verbs.ts';

/** The short form of `npm run torture`: the same inputs, fewer of them. */
const counts = {
  tables: 400,
  damagedTables: 100,
  networks: 3000,
  files: 200,
  verbs: 150,
  forgedProofs: 200,
  assistantLines: 60,
  messages: 3000,
  hostMessages: 100,
  hostFiles: 12,
  trainings: 12,
  storeKills: 2,
  workerKills: 2,
  commandKills: 2,
  diskFull: 2,
  twoWindows: 4,
} as const;

const sections = { ...inputSections, ...verbSections, hostMessages, hostFiles };

for (const [name, count] of Object.entries(counts) as [keyof typeof counts, number][]) {
  it(`${name}: done or refused with one line`, async () => {
    const { faults, fine, refused } = await sections[name](count, 7);
    assert.deepEqual(faults, []);
    assert.equal(fine + refused, count);
  });
}
