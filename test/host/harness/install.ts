// Installs the servers of the releases that are named, before tests that run side by side need them.
import { ensureServer, type Release } from './server.ts';

for (const release of process.argv.slice(2)) ensureServer(release as Release);
