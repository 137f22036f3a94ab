// `npm start`: installs and builds what is missing, then opens a real VS Code with this extension on a folder of sample CSVs: the one on the
// PATH, else a downloaded one where there is a display, else the server that the tests use, printing its address.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureDependencies, root } from './ensure.mjs';

const windows = process.platform === 'win32';

ensureDependencies();
console.log('Building ...');
if (spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit', shell: windows }).status !== 0)
  process.exit(1);

const samples = mkdtempSync(path.join(tmpdir(), 'convexnet-samples-'));
cpSync(path.join(root, 'media/samples'), samples, { recursive: true });
/** The copies go when the editor is closed, or this is ended. */
const clean = () => rmSync(samples, { recursive: true, force: true });
process.on('exit', clean);
const hint = `Right-click diabetes.csv in the explorer and choose "Train Convex Network".`;

function onPath() {
  const { status, stdout } = spawnSync(windows ? 'where' : 'which', ['code'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim().split('\n')[0] : undefined;
}

/** A desktop VS Code from the download service; undefined where that cannot be reached. */
async function downloaded() {
  const { downloadAndUnzipVSCode } = await import('@vscode/test-electron');
  try {
    console.log('Downloading VS Code, unless an earlier start did: some hundred megabytes, minutes on a slow line ...');
    return await downloadAndUnzipVSCode();
  } catch (error) {
    console.log(`No desktop VS Code could be downloaded (${error.message.split('\n')[0]}).`);
    return undefined;
  }
}

const hasDisplay = process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
const desktop = process.argv.includes('--browser')
  ? undefined
  : (onPath() ?? (hasDisplay ? await downloaded() : undefined));
if (desktop && existsSync(desktop)) {
  console.log(`Opening VS Code on ${samples}. ${hint}`);
  console.log('The folder is a copy, which goes when the window is closed or this is ended with Ctrl-C.');
  const editor = spawn(desktop, [`--extensionDevelopmentPath=${root}`, '--new-window', '--wait', samples], {
    stdio: 'inherit',
    shell: windows,
  });
  editor.on('exit', (code) => process.exit(code ?? 0));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(0));
} else {
  const first = !existsSync(path.join(root, 'test/host/server/node_modules'));
  console.log(
    first
      ? 'Starting a VS Code server; the first time it is installed from npm: about 460 MB on disk, some minutes ...'
      : 'Starting a VS Code server ...',
  );
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/host/harness/serve.ts', samples, hint], {
    cwd: root,
    stdio: 'inherit',
  });
  child.on('exit', (code) => process.exit(code ?? 0));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill('SIGTERM'));
}
