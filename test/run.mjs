// `npm test`: everything, on a bare machine. `npm run test:core` and the like run one part.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureChromium, ensureDependencies } from '../src/build/ensure.mjs';
import { Unwaited } from './unwaited.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const windows = process.platform === 'win32';
const asked = process.argv.slice(2);
const wants = (part) => asked.length === 0 || asked.includes(part);

/**
 * The folders of a part, whether its tests drive a browser or an editor (and so need its servers), and whether every file needs a process of its own.
 */
const parts = {
  core: { folders: ['test/core', 'test/session'] },
  cli: { folders: ['test/cli'], alone: true },
  study: { folders: ['test/study'], alone: true },
  torture: { folders: ['test/torture'], alone: true },
  webview: { folders: ['test/webview'], browser: true },
  host: { folders: ['test/host'], browser: true, servers: true },
};
const unknown = asked.find((part) => part !== 'static' && !Object.hasOwn(parts, part));
if (unknown !== undefined) throw new Error(`no part "${unknown}": static, ${Object.keys(parts).join(', ')}`);

function testFiles(folder) {
  return readdirSync(path.join(root, folder))
    .filter((name) => name !== 'node_modules' && name !== 'fixtures')
    .flatMap((name) => {
      const file = path.join(folder, name);
      if (statSync(path.join(root, file)).isDirectory()) return testFiles(file);
      return /\.test\.tsx?$/.test(name) ? [file] : [];
    });
}

const several = 'test/several.mts';
const install = 'test/host/harness/install.ts';

/** Most files of a batch: few enough that both lanes have something to do at the end. */
const batchSize = 8;

const releases = process.env.CONVEXNET_RELEASES?.split(',') ?? ['newest', 'oldest'];
/** Files of host tests and the releases of the editor that they run in: a task each. What a person does is tried in both, details in the newest (in both when asked for by name). */
const perRelease = {
  'test/host/story.test.ts': releases,
  'test/host/inhost.test.ts': process.env.CONVEXNET_RELEASES === undefined ? ['newest'] : releases,
};

/** What takes long begins first, roughly by the seconds that it takes; what is not named comes after. */
const long = [
  ...[
    'test/host/story.test.ts',
    'test/host/inhost.test.ts',
    'test/webview/panel.test.ts',
    'test/webview/deepPanel.test.ts',
  ],
  ...['test/host/browser.test.ts', 'test/webview/lab.test.ts', 'npm run lint'],
  ...[
    'test/cli/certify.test.ts',
    'test/cli/train.test.ts',
    'test/cli/trainOptions.test.ts',
    'test/study/slurm.test.ts',
    'test/study/run.test.ts',
    'test/torture/short.test.ts',
    'test/host/untrusted.test.ts',
  ],
];
function rankOf({ name }) {
  const at = long.findIndex((file) => name.startsWith(file));
  return at < 0 ? long.length : at;
}

/** Files of one folder in batches that run in one process each; files that drive a browser, or whose processes are killed, each in its own. */
function tasksOf(part) {
  const { folders, browser = false, servers = false, alone = browser } = parts[part];
  const task = (name, files, env = {}) => ({
    name,
    command: process.execPath,
    args: ['--enable-source-maps', ...(files.length === 1 ? [] : [several]), ...files].map((file) => bundleOf(file)),
    env,
    browser,
    servers,
  });
  const own = (file) =>
    perRelease[file.split(path.sep).join('/')]?.map((release) =>
      task(`${file} (${release})`, [file], { CONVEXNET_RELEASES: release }),
    ) ?? [task(file, [file])];
  return folders.flatMap((folder) => {
    const files = testFiles(folder);
    if (files.length === 0) throw new Error(`no tests in ${folder}`);
    if (alone) return files.flatMap(own);
    const batches = Math.ceil(files.length / batchSize);
    return Array.from({ length: batches }, (_, k) => {
      const batch = files.slice(
        Math.floor((k * files.length) / batches),
        Math.floor(((k + 1) * files.length) / batches),
      );
      return task(batch.length === 1 ? batch[0] : `${batch[0]} to ${path.basename(batch.at(-1))}`, batch);
    });
  });
}

const npm = (script) => ({
  name: `npm run ${script}`,
  command: 'npm',
  args: ['run', '--silent', script],
  browser: false,
});

/** Milliseconds for one task; several times what any takes: what never ends is a failure. */
const patience = 900_000;
const running = new Set();
/** Ends a task with all that it started. */
const end = (child) => {
  try {
    if (windows) child.kill('SIGKILL');
    else process.kill(-child.pid, 'SIGKILL');
  } catch {
    // gone already
  }
};

/** Starts a task; where there is a shell that tells them, the processor times of it and all that it waited for are its last two lines. */
const started = ({ command, args, env = {} }) => {
  const options = { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] };
  if (windows) return spawn(command, args, { ...options, shell: true });
  return spawn('sh', ['-c', '"$@"; code=$?; times; exit $code', 'sh', command, ...args], {
    ...options,
    detached: true, // a group of its own, which `end` ends
  });
};

/** What a task said, and the seconds of processor time of all that it waited for, if that is known. */
function timed(text) {
  const found = /\n?[\dms.]+ [\dms.]+\n(\d+)m([\d.]+)s (\d+)m([\d.]+)s\n$/.exec(text);
  if (!found) return { text };
  const [minutes, seconds, systemMinutes, systemSeconds] = found.slice(1).map(Number);
  return { text: text.slice(0, found.index), waited: 60 * (minutes + systemMinutes) + seconds + systemSeconds };
}

const unwaited = new Unwaited();
let processorSeconds = 0;
/** Seconds of processor time of a file, or of a task that is none; of files that share a process as `several` says, without what they start. */
const costs = new Map();
function noted(name, text, processor) {
  const shared = [...text.matchAll(/processor of (\S+): ([\d.]+) s$/gm)].map(([, file, own]) => [file, Number(own)]);
  for (const [file, seconds] of shared.length > 0 ? shared : [[name, processor ?? 0]])
    costs.set(file, (costs.get(file) ?? 0) + seconds);
}
/** Runs a task and prints what it said when it ends, so that tasks that run together do not talk at once. */
function outcomeOf(task) {
  return new Promise((resolve) => {
    const begun = Date.now();
    const child = started(task);
    running.add(child);
    const timer = setTimeout(() => end(child), patience);
    const said = { stdout: [], stderr: [] };
    child.stdout.on('data', (chunk) => said.stdout.push(chunk));
    child.stderr.on('data', (chunk) => said.stderr.push(chunk));
    const done = (passed, why) => {
      clearTimeout(timer);
      running.delete(child);
      const seconds = ((Date.now() - begun) / 1000).toFixed(1);
      const { text, waited } = timed(Buffer.concat(said.stdout).toString());
      const processor = waited === undefined ? undefined : waited + unwaited.secondsOf(child.pid);
      processorSeconds += processor ?? 0;
      noted(task.name, text, processor);
      const worked = processor === undefined ? '' : ` (processor ${processor.toFixed(1)} s)`;
      // what passed is one line; what failed is told whole
      console.log(`${passed ? 'ok' : 'FAILED'}  ${task.name}  ${seconds} s${worked}${passed ? counted(text) : why}`);
      if (!passed) console.log(text, Buffer.concat(said.stderr).toString());
      resolve(passed);
    };
    child.on('error', (error) => done(false, `: ${error.message}`));
    child.on('close', (code, signal) => done(code === 0, signal ? `: ended by ${signal}` : ''));
  });
}

/** How many tests a file ran, as it says itself; a file that ran none has to be seen. */
function counted(text) {
  const count = (word) => Number(new RegExp(`^(?:#|ℹ) ${word} (\\d+)`, 'm').exec(text)?.[1] ?? NaN);
  const tests = count('tests');
  if (Number.isNaN(tests)) return '';
  const skipped = count('skipped') + count('todo');
  return `, ${tests} tests${skipped > 0 ? `, ${skipped} SKIPPED` : ''}`;
}

const secondRuns = [];

async function passes(task) {
  if (await outcomeOf(task)) return true;
  if (!task.browser) return false;
  // a busy machine can starve a browser of its time: such a file runs once more, which is printed at the end; a failure that repeats is a failure
  console.log(`${task.name} failed and runs once more.`);
  secondRuns.push(task.name);
  return await outcomeOf(task);
}

/** Share of the processors that did nothing since the last time it was asked. */
function idleShare() {
  const now = { idle: 0, all: 0 };
  for (const { times } of cpus()) {
    now.idle += times.idle;
    for (const milliseconds of Object.values(times)) now.all += milliseconds;
  }
  const share = lastTimes && now.all > lastTimes.all ? (now.idle - lastTimes.idle) / (now.all - lastTimes.all) : 0;
  lastTimes = now;
  return share;
}
let lastTimes;

/** Milliseconds between looks at the processors: a task has begun to work by then. */
const lookEvery = 2_000;
/** A share of idle processors from which on another task begins. */
const worthAnother = 0.15;

/**
 * One task more than there are cores, since tasks wait as well as compute: browsers and editors for each other, command lines for what they start. While
 * processors are idle all the same another one begins, up to three more. The longest begin first; what needs the servers of the editor waits for them. All
 * run, whatever fails: one go tells everything.
 */
async function runAll(tasks, servers) {
  const cores = Math.max(2, availableParallelism());
  const queue = [...tasks].sort((a, b) => rankOf(a) - rankOf(b));
  const failed = [];
  let busy = 0;
  let installed = false;
  const next = () => {
    const at = queue.findIndex((task) => installed || !task.servers);
    return at < 0 ? undefined : queue.splice(at, 1)[0];
  };
  await new Promise((resolve) => {
    const start = (most) => {
      while (busy < most) {
        const task = next();
        if (task === undefined) break;
        void run(task);
      }
      if (busy > 0 || queue.length > 0) return;
      clearInterval(looking);
      resolve();
    };
    const run = async (task) => {
      busy++;
      const passed = await passes(task);
      busy--;
      if (!passed) failed.push(task.name);
      start(cores + 1);
    };
    const looking = setInterval(() => {
      unwaited.look(new Set([...running].map(({ pid }) => pid)));
      if (idleShare() >= worthAnother) start(Math.min(busy + 1, cores + 4));
    }, lookEvery);
    start(cores + 1);
    void servers.then(() => {
      installed = true;
      start(cores + 1);
    });
  });
  for (const name of secondRuns.filter((name) => !failed.includes(name)))
    console.log(`passed only when run a second time: ${name}`);
  for (const name of failed) console.log(`FAILED: ${name}`);
  return failed.length === 0;
}

function stop() {
  for (const child of running) end(child);
  process.exit(1);
}
process.on('SIGINT', stop);
process.on('SIGTERM', stop);

ensureDependencies();
const built = spawnSync('npm', ['run', '--silent', 'build'], {
  cwd: root,
  stdio: 'inherit',
  shell: windows,
});
if (built.status !== 0) process.exit(1);
if (wants('webview') || wants('host')) ensureChromium();
const { bundled } = await import('./bundle.mjs');
const folders = Object.keys(parts).flatMap((part) => (wants(part) ? parts[part].folders : []));
const bundleOf = await bundled(root, [several, install, ...folders.flatMap(testFiles)]);
const browserParts = Object.keys(parts).filter((part) => parts[part].browser === true && wants(part));
const nodeParts = Object.keys(parts).filter((part) => parts[part].browser !== true && wants(part));
const begun = Date.now();
/** The servers of the editor, installed beside the first tests; where that fails, the tests say so. */
const servers = wants('host')
  ? outcomeOf({
      name: 'servers of the editor',
      command: process.execPath,
      args: [bundleOf(install), ...releases],
    })
  : Promise.resolve(true);
const good = await runAll(
  [
    ...browserParts.flatMap(tasksOf),
    ...(wants('static') ? [npm('typecheck'), npm('lint')] : []),
    ...nodeParts.flatMap(tasksOf),
  ],
  servers,
);
const dearest = [...costs].sort(([, a], [, b]) => b - a).slice(0, 20);
console.log(
  `Most processor time:${dearest.map(([name, seconds]) => `\n  ${seconds.toFixed(1).padStart(6)} s  ${name}`).join('')}`,
);
console.log(
  `${good ? 'All passed' : 'FAILED'} after ${((Date.now() - begun) / 1000).toFixed(0)} s (processor ${processorSeconds.toFixed(0)} s).`,
);
if (!good) stop();
