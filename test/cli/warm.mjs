// The command line in a process that stays: what it is asked for it runs, one after the other, and tells status and output. Argument: the bundle.
import { createRequire } from 'node:module';

const { runHere } = createRequire(import.meta.url)(process.argv[2]);
const said = { stdout: '', stderr: '' };
for (const name of Object.keys(said)) {
  process[name].write = (chunk, encoding, callback) => {
    said[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    const done = typeof encoding === 'function' ? encoding : callback;
    if (done) process.nextTick(done);
    return true;
  };
}

let turn = Promise.resolve();
process.on('message', ({ id, args }) => {
  turn = turn.then(async () => {
    said.stdout = said.stderr = '';
    const status = await runHere(args);
    process.send({ id, status, ...said });
  });
});
process.on('disconnect', () => process.exit());
