// Processor time that a shell's `times` does not know: of processes that nobody waits for, which are those that a browser forks its pages from.
import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second towards programs, whatever the machine. */
const ticksPerSecond = 100;

/** Processes as /proc lists them now: parent, begin, ticks of user and system time; none where there is no /proc. */
function processes() {
  const found = new Map();
  let names;
  try {
    names = readdirSync('/proc');
  } catch {
    return found;
  }
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      found.set(Number(name), {
        parent: Number(fields[1]),
        begun: fields[19],
        ticks: Number(fields[11]) + Number(fields[12]),
      });
    } catch {
      // gone meanwhile
    }
  }
  return found;
}

const forksPages = (pid) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=zygote');
  } catch {
    return false;
  }
};

/** Looked at now and then; what a process did after the last look at it is not counted. */
export class Unwaited {
  /** Root and ticks of every process seen. */
  #seen = new Map();
  #forks = new Map();

  /** Looks at what descends from these processes. */
  look(roots) {
    const all = processes();
    for (const [pid, { parent, begun, ticks }] of all) {
      const above = all.get(parent);
      if (above === undefined) continue;
      const key = `${parent} ${above.begun}`;
      if (!this.#forks.has(key)) this.#forks.set(key, forksPages(parent));
      if (!this.#forks.get(key)) continue;
      let root = parent;
      while (root !== undefined && !roots.has(root)) root = all.get(root)?.parent;
      if (root !== undefined) this.#seen.set(`${pid} ${begun}`, { root, ticks });
    }
  }

  /** Seconds of those that descend from this process. */
  secondsOf(root) {
    let ticks = 0;
    for (const seen of this.#seen.values()) if (seen.root === root) ticks += seen.ticks;
    return ticks / ticksPerSecond;
  }
}
