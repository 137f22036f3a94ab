import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { runJsonSchema } from '../../src/build/runJsonSchema.mts';

describe('published schema of run files', () => {
  it('is that of the checks: npm run run-schema', () => {
    const published: unknown = JSON.parse(readFileSync(new URL('../../docs/run-schema.json', import.meta.url), 'utf8'));
    assert.deepEqual(published, JSON.parse(JSON.stringify(runJsonSchema())));
  });
});
