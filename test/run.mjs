// `npm test`: everything, on a bare machine. `npm run test:core` and the like run one part.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureChromium, ensureDependencies } from '../src/build/ensure.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
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
  ...['test/host/browser.test.ts', 'test/host/restricted.test.ts', 'test/webview/lab.test.ts', 'npm run lint'],
  ...[
    'test/cli/certify.test.ts',
    'test/cli/train.test.ts',
    'test/cli/trainOptions.test.ts',
    'test/study/slurm.test.ts',
    'test/study/run.test.ts',
    'test/torture/short.test.ts',
    'test/host/hostileNames.test.ts',
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
    args: ['--import', 'tsx', ...(files.length === 1 ? files : ['test/several.mts', ...files])],
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

/** Runs a task and prints what it said when it ends, so that tasks that run together do not talk at once. */
function outcomeOf({ name, command, args, env = {} }) {
  return new Promise((resolve) => {
    const started = Date.now();
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    running.add(child);
    const timer = setTimeout(() => child.kill('SIGKILL'), patience);
    const said = [];
    child.stdout.on('data', (chunk) => said.push(chunk));
    child.stderr.on('data', (chunk) => said.push(chunk));
    const end = (passed, why) => {
      clearTimeout(timer);
      running.delete(child);
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      const text = Buffer.concat(said).toString();
      // what passed is one line; what failed is told whole
      console.log(`${passed ? 'ok' : 'FAILED'}  ${name}  ${seconds} s${passed ? counted(text) : why}`);
      if (!passed) console.log(text);
      resolve(passed);
    };
    child.on('error', (error) => end(false, `: ${error.message}`));
    child.on('close', (code, signal) => end(code === 0, signal ? `: ended by ${signal}` : ''));
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

/**
 * One task more than there are cores, since those that drive a browser wait as well as compute: while there are both kinds, as many of either as there are
 * cores at most. What needs the servers of the editor waits for them. All run, whatever fails: one go tells everything.
 */
async function runAll(tasks, servers) {
  const cores = Math.max(2, availableParallelism());
  const queue = [...tasks].sort((a, b) => rankOf(a) - rankOf(b));
  const busy = { computing: 0, browsing: 0 };
  const failed = [];
  let installed = false;
  const take = () => {
    if (busy.computing + busy.browsing > cores) return undefined;
    const computing = queue.findIndex(({ browser }) => !browser);
    const browsing = queue.findIndex((task) => task.browser && (installed || !task.servers));
    const mostBrowsing = computing < 0 ? cores + 1 : cores;
    if (browsing >= 0 && busy.browsing < mostBrowsing) return queue.splice(browsing, 1)[0];
    return computing >= 0 && busy.computing < cores ? queue.splice(computing, 1)[0] : undefined;
  };
  await new Promise((resolve) => {
    const start = () => {
      for (let task = take(); task !== undefined; task = take()) void run(task);
      if (busy.computing + busy.browsing === 0 && queue.length === 0) resolve();
    };
    const run = async (task) => {
      const kind = task.browser ? 'browsing' : 'computing';
      busy[kind]++;
      const passed = await passes(task);
      busy[kind]--;
      if (!passed) failed.push(task.name);
      start();
    };
    start();
    void servers.then(() => {
      installed = true;
      start();
    });
  });
  for (const name of secondRuns.filter((name) => !failed.includes(name)))
    console.log(`passed only when run a second time: ${name}`);
  for (const name of failed) console.log(`FAILED: ${name}`);
  return failed.length === 0;
}

function stop() {
  for (const child of running) child.kill('SIGKILL');
  process.exit(1);
}
process.on('SIGINT', stop);
process.on('SIGTERM', stop);

ensureDependencies();
const built = spawnSync('npm', ['run', '--silent', 'build'], {
  cwd: root,
  stdio: 'inherit',
  shell: process.platform === 'win32',
});
if (built.status !== 0) process.exit(1);
if (wants('webview') || wants('host')) ensureChromium();
const browserParts = Object.keys(parts).filter((part) => parts[part].browser === true && wants(part));
const nodeParts = Object.keys(parts).filter((part) => parts[part].browser !== true && wants(part));
const started = Date.now();
/** The servers of the editor, installed beside the first tests; where that fails, the tests say so. */
const servers = wants('host')
  ? outcomeOf({
      name: 'servers of the editor',
      command: process.execPath,
      args: ['--import', 'tsx', 'test/host/harness/install.ts', ...releases],
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
console.log(`${good ? 'All passed' : 'FAILED'} after ${((Date.now() - started) / 1000).toFixed(0)} s.`);
if (!good) stop();
