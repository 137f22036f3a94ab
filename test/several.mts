// Runs several test files in one process, each a suite of its own: a process and its warm-up cost more than many of them compute.
import { after, before, describe } from 'node:test';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

for (const file of process.argv.slice(2)) {
  const name = path
    .relative('.', file)
    .replace(/^test-results\/bundled\//, '')
    .replace(/\.mjs$/, '.ts');
  void describe(name, async () => {
    let begun = process.cpuUsage();
    before(() => {
      begun = process.cpuUsage();
    });
    after(() => {
      const { user, system } = process.cpuUsage(begun);
      console.log(`processor of ${name}: ${((user + system) / 1e6).toFixed(2)} s`); // test/run.mjs reads it
    });
    await import(pathToFileURL(path.resolve(file)).href);
  });
}
