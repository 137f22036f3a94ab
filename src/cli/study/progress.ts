import { plainText } from '../../core/data/plainText.ts';

/** Without a terminal a line so often, in milliseconds. */
const lineEveryMs = 10_000;

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** How far a study is, on stderr: one line that is rewritten on a terminal, a line now and then otherwise. */
export class StudyProgress {
  private readonly terminal = process.stderr.isTTY;
  private readonly begin = performance.now();
  private first: number | undefined;
  private lastLine = 0;
  private open = false;

  constructor(private readonly total: number) {}

  show(done: number): void {
    this.first ??= done;
    const seconds = (performance.now() - this.begin) / 1000;
    const rate = (done - this.first) / seconds;
    const left =
      rate > 0 ? `, ${rate.toPrecision(3)} a second, about ${duration((this.total - done) / rate)} left` : '';
    const line = `${done} of ${this.total} tasks done${left}`;
    if (this.terminal) {
      process.stderr.write(`\r${line}\u001b[K`);
      this.open = true;
    } else if (performance.now() - this.lastLine > lineEveryMs) {
      this.lastLine = performance.now();
      process.stderr.write(`${line}\n`);
    }
  }

  say(message: string): void {
    this.end();
    process.stderr.write(`${plainText(message)}\n`);
  }

  end(): void {
    if (this.open) process.stderr.write('\n');
    this.open = false;
  }
}
