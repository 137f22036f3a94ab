import assert from 'node:assert/strict';
import { it } from 'node:test';
import { hostMessages } from './host.ts';
import * as inputSections from './sections.ts';

/** The short form of `npm run torture`: the same inputs, fewer of them. */
const counts = {
  tables: 400,
  damagedTables: 100,
  networks: 3000,
  files: 200,
  messages: 3000,
  hostMessages: 100,
  trainings: 12,
  storeKills: 2,
  workerKills: 2,
  commandKills: 2,
  diskFull: 2,
  twoWindows: 4,
} as const;

const sections = { ...inputSections, hostMessages };

for (const [name, count] of Object.entries(counts) as [keyof typeof counts, number][]) {
  it(`${name}: done or refused with one line`, async () => {
    const { faults, fine, refused } = await sections[name](count, 7);
    assert.deepEqual(faults, []);
    assert.equal(fine + refused, count);
  });
}
