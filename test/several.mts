// Runs several test files in one process, each a suite of its own: a process and its warm-up cost more than many of them compute.
import { describe } from 'node:test';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

for (const file of process.argv.slice(2)) {
  void describe(path.relative('.', file), async () => {
    await import(pathToFileURL(path.resolve(file)).href);
  });
}
