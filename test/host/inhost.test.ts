import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runInHost } from './harness/inhost.ts';
import type { Release } from './harness/server.ts';

const asked = process.env.CONVEXNET_RELEASES?.split(',') as Release[] | undefined;

for (const release of asked ?? (['newest', 'oldest'] satisfies Release[])) {
  describe(`inside the extension host of the ${release} VS Code`, async () => {
    const { tests, figures } = await runInHost(release);
    for (const [name, value] of Object.entries(figures)) console.log(`  ${name}: ${value}`);
    it('ran', () => assert.ok(tests.length > 0));
    for (const { title, state, error } of tests) it(title, () => assert.equal(state, 'passed', error));
  });
}
