import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { ensureSlurm } from '../../src/build/ensure.mjs';

/** A Slurm of one machine on the loopback interface, for as long as a test runs. */
export interface SlurmNode {
  /** For programs that are to use it. */
  readonly env: NodeJS.ProcessEnv;
  close(): Promise<void>;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

function checked(command: string, args: readonly string[], env: NodeJS.ProcessEnv): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

/** Installs Slurm where it is missing, and starts it (as root) with a configuration, ports and folders of its own. */
export async function startSlurm(): Promise<SlurmNode> {
  ensureSlurm();
  const folder = mkdtempSync(path.join(tmpdir(), 'slurm-'));
  const at = (name: string): string => path.join(folder, name);
  const host = hostname().split('.')[0];
  const munged = await startMunge(at('munge'));
  mkdirSync(at('state'));
  mkdirSync(at('spool'));
  const [controller, daemon] = [await freePort(), await freePort()];
  writeFileSync(
    at('slurm.conf'),
    `ClusterName=study
SlurmctldHost=${host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=${munged.socket}
SlurmUser=root
SlurmctldPort=${controller}
SlurmdPort=${daemon}
StateSaveLocation=${at('state')}
SlurmdSpoolDir=${at('spool')}
SlurmctldPidFile=${at('slurmctld.pid')}
SlurmdPidFile=${at('slurmd.pid')}
SlurmctldLogFile=${at('slurmctld.log')}
SlurmdLogFile=${at('slurmd.log')}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0
MpiDefault=none
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
NodeName=${host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=${Math.floor(totalmem() / 2 ** 20)} State=UNKNOWN
PartitionName=debug Nodes=${host} Default=YES MaxTime=INFINITE State=UP
`,
  );
  const env = { ...process.env, SLURM_CONF: at('slurm.conf') };
  const close = async (): Promise<void> => {
    for (const name of ['slurmd.pid', 'slurmctld.pid'])
      if (existsSync(at(name))) await endProcess(Number(readFileSync(at(name), 'utf8')));
    await munged.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    checked('/usr/sbin/slurmctld', ['-c'], env);
    checked('/usr/sbin/slurmd', [], env);
    for (let tries = 0; ; tries++) {
      const { stdout } = spawnSync('sinfo', ['-h', '-o', '%T'], { encoding: 'utf8', env });
      if (stdout.trim() === 'idle') break;
      if (tries > 150)
        throw new Error(
          `the node is ${stdout.trim() || 'not there'}: ${readFileSync(at('slurmctld.log'), 'utf8').slice(-2000)}`,
        );
      await pause(200);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { env, close };
}

/** Munge with a key and a socket of its own, as the user that Debian's package makes. */
async function startMunge(folder: string): Promise<{ readonly socket: string; close(): Promise<void> }> {
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(checked('id', [flag, 'munge'], process.env)));
  chmodSync(path.dirname(folder), 0o755);
  mkdirSync(folder, { mode: 0o755 });
  const files = Object.fromEntries(
    ['socket', 'key', 'pid', 'log', 'seed'].map((name) => [name, path.join(folder, name)]),
  );
  writeFileSync(files.key, Buffer.from(crypto.getRandomValues(new Uint8Array(128))), { mode: 0o400 });
  for (const file of [folder, files.key]) chownSync(file, uid, gid);
  const args = ['--foreground', '--force', `--socket=${files.socket}`, `--key-file=${files.key}`, `--pid-file=${files.pid}`, `--log-file=${files.log}`, `--seed-file=${files.seed}`]; // prettier-ignore
  const child = spawn('/usr/sbin/munged', args, { uid, gid, stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  for (let tries = 0; !existsSync(files.socket); tries++) {
    if (child.exitCode !== null || tries > 100) throw new Error(`munged does not start: ${complaint}`);
    await pause(50);
  }
  return { socket: files.socket, close: () => endProcess(child.pid!) };
}

/** Asks one process to end, and waits until it has. */
async function endProcess(pid: number): Promise<void> {
  const alive = (signal: NodeJS.Signals | 0): boolean => {
    try {
      return process.kill(pid, signal);
    } catch {
      return false;
    }
  };
  alive('SIGTERM');
  for (let tries = 0; alive(0) && tries < 100; tries++) await pause(50);
  alive('SIGKILL');
}
