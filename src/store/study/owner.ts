import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import * as v from 'valibot';

/** A process, so that it is known from another one that got its number later, on whatever machine. */
export const ownerSchema = v.object({
  host: v.string(),
  pid: v.number(),
  /** When it started, in ticks of its machine; null where the system does not say. */
  started: v.nullable(v.string()),
});
export type Owner = v.InferOutput<typeof ownerSchema>;

/** The machine, and the world of process numbers on it. */
function thisHost(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

function startOf(pid: number): string | null {
  try {
    // the name, in parentheses, may hold anything; the 22nd field of the line is the 20th after it
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    // a zombie computes nothing any more
    return fields[0] === 'Z' ? null : fields[19];
  } catch {
    return null;
  }
}

export const self: Owner = { host: thisHost(), pid: process.pid, started: startOf(process.pid) };

/** Whether a process lives; undefined when it is another machine's. */
export function isAlive({ host, pid, started }: Owner): boolean | undefined {
  if (host !== self.host) return undefined;
  if (started !== null) return startOf(pid) === started;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
