import { createServer, type Socket } from 'node:net';
import type * as vscode from 'vscode';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}
type Answer = { hello: number } | { hello?: undefined; id: number; value?: unknown; error?: { message: string } };

/** The test process's end of `bridge/main.js`. */
export class Bridge {
  private readonly waiting = new Map<number, Waiting>();
  private arrivals: (() => void)[] = [];
  private socket: Socket | null = null;
  private next = 1;
  /** Extension hosts that have reported since the start. */
  connections = 0;

  private constructor(private readonly server: ReturnType<typeof createServer>) {}

  static async open(at: string): Promise<Bridge> {
    const server = createServer();
    const bridge = new Bridge(server);
    server.on('connection', (socket) => bridge.connect(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(at, resolve);
    });
    return bridge;
  }

  /** Resolves when more than `seen` extension hosts have reported. */
  async arrived(seen: number, ms = 180_000): Promise<void> {
    const end = Date.now() + ms;
    while (this.connections <= seen) {
      const left = end - Date.now();
      if (left <= 0) throw new Error('no extension host reported in time');
      await Promise.race([
        new Promise<void>((resolve) => this.arrivals.push(resolve)),
        new Promise((resolve) => setTimeout(resolve, left).unref()),
      ]);
    }
  }

  /** Runs a function in the extension host. It must be self-contained; arguments and result are JSON. */
  evaluate<A extends unknown[], R>(run: (api: typeof vscode, ...args: A) => R, ...args: A): Promise<Awaited<R>> {
    const { socket } = this;
    if (!socket) throw new Error('no extension host is connected');
    const id = this.next++;
    return new Promise<Awaited<R>>((resolve, reject) => {
      this.waiting.set(id, { resolve: (value) => resolve(value as Awaited<R>), reject: (error) => reject(error) });
      socket.write(JSON.stringify({ id, code: String(run), args }) + '\n');
    });
  }

  async close(): Promise<void> {
    this.socket?.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private connect(socket: Socket): void {
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.socket !== socket) return;
      this.socket = null;
      for (const waiting of this.waiting.values()) waiting.reject(new Error('the extension host went away'));
      this.waiting.clear();
    });
    socket.on('data', (text: string) => {
      rest += text;
      for (let end: number; (end = rest.indexOf('\n')) >= 0; rest = rest.slice(end + 1))
        this.take(JSON.parse(rest.slice(0, end)) as Answer, socket);
    });
  }

  private take(answer: Answer, socket: Socket): void {
    if (answer.hello !== undefined) {
      this.socket = socket;
      this.connections++;
      for (const arrive of this.arrivals.splice(0)) arrive();
      return;
    }
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if (answer.error) waiting?.reject(new Error(answer.error.message));
    else waiting?.resolve(answer.value);
  }
}
