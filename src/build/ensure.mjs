// Installs what a bare machine lacks, from the npm registry and, on Debian, its packages.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

function run(command, args, options = {}) {
  return (
    spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32', ...options })
      .status === 0
  );
}

/** Whether what is installed is what the lock file asks for, by the record that npm itself leaves behind. */
function isInstalled() {
  const record = path.join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const packagesOf = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
  const installed = packagesOf(record);
  return Object.entries(packagesOf(path.join(root, 'package-lock.json'))).every(
    ([place, { version, optional }]) => place === '' || optional || installed[place]?.version === version,
  );
}

/** `npm ci`, unless everything is there already. */
export function ensureDependencies() {
  if (isInstalled()) return;
  console.log('Installing the development dependencies: about 460 MB on disk, a minute or a few ...');
  if (!run('npm', ['ci', '--no-audit', '--no-fund'])) throw new Error('npm ci failed');
}

/** First the one that never draws a window, which works a tenth less. */
const chromiumPlaces = [
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
];

/** Debian's packages, where apt-get is there and may be used; says whether they were installed. */
function installed(...packages) {
  if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get')) return false;
  const sudo = process.getuid() === 0 ? [] : ['sudo', '-n'];
  const apt = (...args) => {
    const [command, ...rest] = [...sudo, 'apt-get', '-o', 'DPkg::Lock::Timeout=600', ...args];
    return run(command, rest, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  };
  return apt('update', '-q') && apt('install', '-y', '-q', '--no-install-recommends', ...packages);
}

/** A Chromium to drive: $CHROMIUM, one that is installed, or Debian's, installed now. Returns its path. */
export function ensureChromium() {
  const found = () => [process.env.CHROMIUM, ...chromiumPlaces].find((file) => file && existsSync(file));
  if (!found()) {
    console.log('Installing Chromium ...');
    // releases of Debian before 12, and what is made of it, may lack the shell
    if (!installed('chromium-headless-shell', 'fonts-dejavu-core')) installed('chromium', 'fonts-dejavu-core');
  }
  const file = found();
  if (file) return file;
  throw new Error('Chromium is needed for these tests: install it, or name its path in CHROMIUM.');
}

/**
 * A Python 3, for the tests of exported code, with numpy where that is asked for: $PYTHON, one on the PATH, or Debian's, installed now. Returns the
 * command.
 */
export function ensurePython({ numpy = false } = {}) {
  const test = `import sys; sys.exit(sys.version_info[0] != 3)`;
  const works = (command) => spawnSync(command, ['-c', numpy ? `import numpy; ${test}` : test]).status === 0;
  const commands = [process.env.PYTHON, 'python3', 'python', '/usr/bin/python3'];
  const found = () => commands.find((command) => command && works(command));
  const there = found();
  if (there) return there;
  console.log('Installing Python ...');
  installed(numpy ? 'python3-numpy' : 'python3-minimal');
  const command = found();
  if (command) return command;
  throw new Error('Python 3 is needed for the tests of exported code: install it, or name its path in PYTHON.');
}

const slurmPrograms = ['/usr/sbin/slurmctld', '/usr/sbin/slurmd', '/usr/sbin/munged', '/usr/bin/sbatch'];

/** Slurm and munge, for the tests of studies on a cluster of one machine: installed, or Debian's, installed now. */
export function ensureSlurm() {
  const missing = () => slurmPrograms.filter((file) => !existsSync(file));
  if (missing().length === 0) return;
  console.log('Installing Slurm ...');
  installed('slurm-wlm', 'munge');
  if (missing().length > 0)
    throw new Error(`These tests need Slurm (Debian: slurm-wlm and munge, as root); missing: ${missing().join(', ')}.`);
}
