import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bridge } from './bridge.ts';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const bridgeExtension = path.join(root, 'test/host/bridge');

/** Which VS Code: the newest that is pinned, or the oldest that the extension supports. */
export type Release = 'newest' | 'oldest';

const folders: Record<Release, string> = { newest: 'test/host/server', oldest: 'test/host/server-oldest' };

/** Keeps the workbench to itself: nothing opens, updates or asks. */
const quietSettings = {
  'workbench.startupEditor': 'none',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.tips.enabled': false,
  'workbench.reduceMotion': 'on', // nothing is drawn again and again while a test waits
  'editor.cursorBlinking': 'solid',
  'workbench.enableExperiments': false,
  'workbench.welcomePage.walkthroughs.openOnInstall': false,
  'workbench.welcomePage.experimentalOnboarding': false,
  'chat.disableAIFeatures': true,
  'chat.agentHost.enabled': false,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'git.enabled': false,
  'window.confirmBeforeClose': 'never',
  'security.workspace.trust.enabled': false,
  'files.simpleDialog.enable': true,
  'workbench.quickOpen.closeOnFocusLost': false, // a page that had the focus may take it back and so close an input
};

export interface ServerOptions {
  readonly release: Release;
  /** Copied into the workspace. */
  readonly workspace?: string;
  readonly settings?: Record<string, unknown>;
  /** Extension folders that are copied in as if installed, by their id with version. */
  readonly installed?: Readonly<Record<string, string>>;
  readonly vsix?: string;
  /** Which of the editor's own extensions are there; left out: all. */
  readonly builtin?: readonly string[];
  /** Leave workspace trust on: the folder opens in Restricted Mode. */
  readonly restricted?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

function modulesOf(release: Release): string {
  return path.join(root, folders[release], 'node_modules');
}

function serverMain(release: Release): string {
  return path.join(modulesOf(release), 'code-server/lib/vscode/out/server-main.js');
}

function builtinOf(release: Release): string {
  return path.join(modulesOf(release), 'code-server/lib/vscode/extensions');
}

/** The Node that this server wants: the one that npm installed beside it, else this process's own. */
function serverNode(release: Release): string {
  const modules = modulesOf(release);
  const windows = process.platform === 'win32';
  const beside = path.join(
    modules,
    `node-${windows ? 'win' : process.platform}-${process.arch}`,
    'bin',
    windows ? 'node.exe' : 'node',
  );
  if (existsSync(beside)) return beside;
  const manifest = readFileSync(path.join(modules, 'code-server/package.json'), 'utf8');
  const wanted = Number((JSON.parse(manifest) as { engines: { node: string } }).engines.node);
  if (Number(process.versions.node.split('.')[0]) >= wanted) return process.execPath;
  throw new Error(`This VS Code server needs Node ${wanted}.`);
}

/** Installs the server from its lock file, unless that was already done with the same lock file. */
export function ensureServer(release: Release): void {
  const folder = path.join(root, folders[release]);
  const modules = modulesOf(release);
  const want = createHash('sha256')
    .update(readFileSync(path.join(folder, 'package-lock.json')))
    .digest('hex');
  const stamp = path.join(modules, '.lock-hash');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== want) {
    console.log(`Installing the ${release} VS Code server ...`);
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
    const { status } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' });
    if (status !== 0) throw new Error(`Could not install ${folder}.`);
    writeFileSync(stamp, want);
  }
  // The page loads the grammar engine and the encoders from the server's own node_modules; npm has put them further up.
  const own = path.join(path.dirname(path.dirname(serverMain(release))), 'node_modules');
  for (const name of ['vscode-oniguruma', 'vscode-textmate', '@vscode/iconv-lite-umd', 'jschardet']) {
    const link = path.join(own, name);
    if (existsSync(link)) continue;
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(path.relative(path.dirname(link), path.join(modules, name)), link, 'junction');
  }
}

/** A running VS Code server with a folder of its own for all state, which goes when it stops. */
export class Server {
  private constructor(
    readonly release: Release,
    readonly folder: string,
    readonly port: number,
    readonly bridge: Bridge,
    private readonly child: ReturnType<typeof spawn>,
    private readonly killGroup: () => void,
  ) {}

  get workspace(): string {
    return path.join(this.folder, 'ws');
  }

  get data(): string {
    return path.join(this.folder, 'data');
  }

  get authority(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Page address that opens the workspace. */
  get address(): string {
    return `http://${this.authority}/?${new URLSearchParams({ folder: this.workspace }).toString()}`;
  }

  static async start(options: ServerOptions): Promise<Server> {
    const { release } = options;
    ensureServer(release);
    const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-vscode-'));
    const data = path.join(folder, 'data');
    const extensions = path.join(folder, 'extensions');
    const scratch = path.join(folder, 't');
    for (const made of [path.join(data, 'User'), extensions, scratch, path.join(folder, 'ws')])
      mkdirSync(made, { recursive: true });
    if (options.workspace) cpSync(options.workspace, path.join(folder, 'ws'), { recursive: true });
    for (const name of options.builtin ?? [])
      cpSync(path.join(builtinOf(release), name), path.join(folder, 'builtin', name), { recursive: true });
    for (const [id, from] of Object.entries(options.installed ?? {}))
      cpSync(from, path.join(extensions, id), { recursive: true });
    const settings = {
      ...quietSettings,
      ...(options.restricted
        ? { 'security.workspace.trust.enabled': true, 'security.workspace.trust.startupPrompt': 'never' }
        : {}),
      ...options.settings,
    };
    writeFileSync(path.join(data, 'User/settings.json'), JSON.stringify(settings, null, 2));
    const state = [
      '--extensions-dir',
      extensions,
      '--user-data-dir',
      data,
      '--server-data-dir',
      path.join(folder, 'server'),
      ...(options.builtin === undefined ? [] : ['--builtin-extensions-dir', path.join(folder, 'builtin')]),
    ];
    if (options.vsix) installVsix(release, options.vsix, state);

    const env: NodeJS.ProcessEnv = {};
    for (const [key, value] of Object.entries(process.env))
      if (!/^(VSCODE_|ELECTRON_|NODE_OPTIONS$|NODE_TEST_CONTEXT$|XDG_RUNTIME_DIR$)/.test(key)) env[key] = value;
    Object.assign(env, options.env);
    env.EXTENSIONS_GALLERY = '{}'; // no gallery, so no look-ups that can only fail
    env.TMPDIR = scratch; // sockets go there, so that they go with the folder
    const socket =
      process.platform === 'win32' ? `\\\\.\\pipe\\${path.basename(folder)}` : path.join(scratch, 'b.sock');
    env.TEST_BRIDGE_SOCKET = socket;
    const bridge = await Bridge.open(socket);

    const args = [
      ...[serverMain(release), '--host', '127.0.0.1', '--port', '0', '--without-connection-token'],
      ...[
        '--accept-server-license-terms',
        '--telemetry-level',
        'off',
        '--disable-experiments',
        '--disable-update-check',
      ],
      ...['--disable-getting-started-override', '--reconnection-grace-time', '5'],
      '--enable-remote-auto-shutdown', // should this process die: the server ends minutes after its last extension host
      ...state,
      ...(options.restricted ? [] : ['--disable-workspace-trust']),
    ];
    const child = spawn(serverNode(release), args, {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const killGroup = (): void => {
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        // gone already
      }
    };
    process.once('exit', killGroup);
    let text = '';
    const port = await new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`The server did not start:\n${text}`)), 180_000);
      const read = (chunk: Buffer): void => {
        if (text.length < 100_000) text += chunk.toString();
        const found = /Extension host agent listening on (\d+)/.exec(text);
        if (!found) return;
        clearTimeout(timer);
        resolve(Number(found[1]));
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('error', reject);
      child.once('exit', (code, signal) => reject(new Error(`The server ended (${code ?? signal}):\n${text}`)));
    }).catch(async (error: unknown) => {
      // nothing of it may stay: an open socket would keep the tests from ending
      killGroup();
      process.off('exit', killGroup);
      await bridge.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
      throw error;
    });
    return new Server(release, folder, port, bridge, child, killGroup);
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      const hard = setTimeout(this.killGroup, 5_000);
      try {
        process.kill(-child.pid!, 'SIGTERM');
      } catch {
        // gone already
      }
      await gone;
      clearTimeout(hard);
    }
    this.killGroup(); // whatever is left of the group
    process.off('exit', this.killGroup);
    await this.bridge.close();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

function installVsix(release: Release, file: string, state: readonly string[]): void {
  const args = [serverMain(release), '--install-extension', file, ...state];
  const { status, stdout, stderr } = spawnSync(serverNode(release), args, { encoding: 'utf8' });
  if (status !== 0 || !stdout.includes('successfully installed'))
    throw new Error(`Could not install ${file}:\n${stdout}${stderr}`);
}
