import { closeSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { isAlive, ownerSchema, self } from './owner.ts';

/** A sign of life at least this often, for machines that cannot look at the process; three missed ones are a death. */
const heartbeatMs = 20_000;
const deadAfterMs = 3 * heartbeatMs + 30_000;
/** A claim without content is in the making, or its maker died in between. */
const inTheMakingMs = 5_000;

/**
 * Who works on what, on a disk that several processes and machines may share. A claim is a file that only one can make (O_EXCL). Whoever finds
 * the last claim on a thing dead makes the next one, numbered one higher, which again only one can; nothing is ever taken away from somebody
 * who lives.
 */
export class Claims {
  constructor(private readonly folder: string) {}

  /** Claims a thing; null when somebody who lives has it. @throws where the disk refuses */
  take(key: string): Claim | null {
    for (;;) {
      const last = this.last(key);
      if (last > 0 && this.lives(key, last)) return null;
      const file = this.fileOf(key, last + 1);
      let descriptor: number;
      try {
        descriptor = openSync(file, 'wx');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
        throw error;
      }
      try {
        writeSync(descriptor, JSON.stringify(self));
      } finally {
        closeSync(descriptor);
      }
      return new Claim(file, () => this.release(key, last + 1));
    }
  }

  /** Keys that somebody who lives has claimed. */
  held(): string[] {
    const last = new Map<string, number>();
    for (const [key, generation] of this.names()) last.set(key, Math.max(generation, last.get(key) ?? 0));
    return [...last].filter(([key, generation]) => this.lives(key, generation)).map(([key]) => key);
  }

  private release(key: string, upTo: number): void {
    // from the oldest on: at no time does a dead one stand last
    for (const [other, generation] of this.names())
      if (other === key && generation < upTo) rmSync(this.fileOf(key, generation), { force: true });
    rmSync(this.fileOf(key, upTo), { force: true });
  }

  private last(key: string): number {
    return this.names().reduce((most, [other, generation]) => (other === key ? Math.max(most, generation) : most), 0);
  }

  private names(): (readonly [string, number])[] {
    return readdirSync(this.folder).flatMap((name) => {
      const match = /^(.+)\.(\d+)$/.exec(name);
      return match === null ? [] : [[match[1], Number(match[2])] as const];
    });
  }

  private lives(key: string, generation: number): boolean {
    const file = this.fileOf(key, generation);
    try {
      const age = Math.abs(this.now() - statSync(file).mtimeMs);
      const content = readFileSync(file, 'utf8');
      if (content === '') return age < inTheMakingMs;
      const owner = v.safeParse(ownerSchema, JSON.parse(content));
      return owner.success && (isAlive(owner.output) ?? age < deadAfterMs);
    } catch {
      return false; // gone, or not a claim
    }
  }

  /** The time on the disk's clock, which may be another machine's. */
  private now(): number {
    const file = path.join(this.folder, `.clock-${self.pid}`);
    try {
      writeFileSync(file, '');
      return statSync(file).mtimeMs;
    } catch {
      return Date.now();
    } finally {
      rmSync(file, { force: true });
    }
  }

  private fileOf(key: string, generation: number): string {
    return path.join(this.folder, `${key}.${generation}`);
  }
}

/** A thing that this process works on. */
export class Claim {
  private last = performance.now();

  constructor(
    private readonly file: string,
    readonly release: () => void,
  ) {}

  /** To be called often: gives a sign of life when one is due. */
  beat(): void {
    if (performance.now() - this.last < heartbeatMs) return;
    this.last = performance.now();
    try {
      writeFileSync(this.file, JSON.stringify(self));
    } catch {
      // a full disk: the claim may be taken for dead, and the task be done twice, with the same result
    }
  }
}
