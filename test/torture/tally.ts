import { createRng, type Rng } from '../../src/core/base/rng.ts';

/** Errors that are one line for a person; anything else that is thrown is a fault. */
const clear = new Set([
  'DataError',
  'ProblemError',
  'NetworkError',
  'RunFileError',
  'ReadStopped',
  'TrainStopped',
  'KernelMemoryError',
  'ValiError',
  'LabRefusal',
  'UsageError',
  'ProofError',
]);

/** What became of the inputs of one kind. */
export interface Figures {
  readonly name: string;
  readonly count: number;
  /** Done, and refused with one clear line. */
  readonly fine: number;
  readonly refused: number;
  readonly faults: readonly string[];
  /** Longest processor time of one input, ms. */
  readonly slowest: number;
  /** Longest processor time from a stop to the answer, ms; undefined where nothing is stopped. */
  readonly stop?: number;
  /** Bytes of heap that one input leaves behind, from a line through samples after collections. */
  readonly slope?: number;
  readonly seconds: number;
}

export interface Limits {
  /** Processor time that one input may take, ms. */
  readonly milliseconds: number;
}

/** Counts what happens to inputs, one after the other. */
export class Tally {
  fine = 0;
  refused = 0;
  slowest = 0;
  stop: number | undefined;
  readonly faults: string[] = [];
  private readonly started = performance.now();
  private tried = 0;
  /** Minutes that one kind of input may take; what is not tried by then is not counted. */
  static minutes = Infinity;
  private readonly heap: { at: number; bytes: number }[] = [];

  constructor(
    readonly name: string,
    readonly count: number,
    private readonly limits: Limits,
  ) {}

  /** Runs `work` on every input; each gets random numbers of its own, so that a fault is found again by its number. */
  async each(seed: number, work: (rng: Rng, index: number) => unknown): Promise<Figures> {
    for (let index = 0; index < this.count; index++) {
      if (performance.now() - this.started > Tally.minutes * 60_000) break;
      this.tried = index + 1;
      const before = process.cpuUsage();
      try {
        await work(createRng(seed).fork(`${this.name} ${index}`), index);
        this.fine++;
      } catch (error) {
        this.judge(index, error);
      }
      const { user, system } = process.cpuUsage(before);
      const spent = (user + system) / 1000;
      this.slowest = Math.max(this.slowest, spent);
      if (spent > this.limits.milliseconds) this.fault(index, `took ${spent.toFixed(0)} ms`);
      this.sample(index);
    }
    return this.figures();
  }

  fault(index: number, what: string): void {
    if (this.faults.length < 20) this.faults.push(`${this.name} ${index}: ${what.slice(0, 600)}`);
  }

  private judge(index: number, error: unknown): void {
    const { name = '', message = String(error), stack = '' } = error as Partial<Error>;
    if (clear.has(name) && message.length < 2000 && !message.includes('\n    at ')) this.refused++;
    else this.fault(index, `${stack.split('\n').slice(0, 4).join(' | ') || message}`);
  }

  private sample(index: number): void {
    const { gc } = globalThis as { gc?: () => void };
    const every = Math.max(1, Math.floor(this.count / 10));
    // the first half is warming up
    if (gc === undefined || index < this.count / 2 || index % every !== 0) return;
    gc();
    this.heap.push({ at: index, bytes: process.memoryUsage().heapUsed });
  }

  private figures(): Figures {
    const { name, tried: count, fine, refused, faults, slowest, stop } = this;
    const seconds = (performance.now() - this.started) / 1000;
    const slope = slopeOf(this.heap);
    return { name, count, fine, refused, faults, slowest, ...(stop === undefined ? {} : { stop }), ...(slope === undefined ? {} : { slope }), seconds }; // prettier-ignore
  }
}

/** Least squares. */
function slopeOf(points: readonly { at: number; bytes: number }[]): number | undefined {
  if (points.length < 4) return undefined;
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const [x, y] = [mean(points.map(({ at }) => at)), mean(points.map(({ bytes }) => bytes))];
  let [above, below] = [0, 0];
  for (const { at, bytes } of points) {
    above += (at - x) * (bytes - y);
    below += (at - x) ** 2;
  }
  return above / below;
}

export function pick<T>(rng: Rng, items: readonly T[]): T {
  return items[rng.integer(items.length)];
}

/** Bits flipped, bytes cut, doubled, moved or replaced. */
export function mutated(rng: Rng, bytes: Uint8Array): Uint8Array {
  let out = Buffer.from(bytes);
  for (let k = rng.integer(4); k >= 0 && out.length > 0; k--) {
    const at = rng.integer(out.length);
    const length = rng.integer(Math.min(64, out.length - at) + 1);
    switch (rng.integer(6)) {
      case 0:
        out[at] ^= 1 << rng.integer(8);
        break;
      case 1:
        out = out.subarray(0, at);
        break;
      case 2:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)]);
        break;
      case 4:
        out[at] = pick(rng, [0, 1, 127, 128, 255, 0x22, 0x2c, 0x7b]);
        break;
      default:
        for (let j = at; j < at + length; j++) out[j] = rng.integer(256);
    }
  }
  return out;
}

const hostile: readonly unknown[] = [null, true, '', 'x', '__proto__', -1, 0, 0.5, 1e9, 1e15, 1e308, -1e308, 5e-324, [], {}, [[]], [null], '\u0000', 'a'.repeat(5000)]; // prettier-ignore

/** A copy of a JSON value with a few of its leaves or branches replaced, left out or doubled. */
export function damaged(rng: Rng, value: unknown): unknown {
  const copy = structuredClone(value) as Record<string, unknown>;
  for (let k = rng.integer(3); k >= 0; k--) {
    let holder = copy;
    let key: string | undefined;
    for (let depth = 0; depth < 12; depth++) {
      const keys = Object.keys(holder);
      if (keys.length === 0) break;
      key = pick(rng, keys);
      const next = holder[key];
      if (typeof next !== 'object' || next === null || rng.uniform() < 0.15) break;
      holder = next as Record<string, unknown>;
      if (Object.keys(holder).length > 0) key = undefined;
    }
    if (key === undefined) continue;
    if (rng.uniform() < 0.15) delete holder[key];
    else holder[key] = structuredClone(pick(rng, hostile));
  }
  return copy;
}
