/**
 * How several threads share the pieces of one operation. One number, the ticket, holds the generation of the operation and the next piece; a
 * thread claims a piece by compare-and-swap. The caller works on pieces like everybody else and waits for *claimed pieces*, never for a thread, so a
 * helper that the system does not schedule costs nothing. Which thread runs a piece has no influence on its result.
 */

/** What a helper thread needs: everything can be posted to a worker. */
export interface HelperSetup {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: Int32Array;
  /** Address of the description of the current operation. */
  readonly description: number;
  /** Address of this helper's scratch memory. */
  readonly scratch: number;
}

/** The export of the module that runs one piece. */
export type RunPiece = (operation: number, description: number, piece: number, scratch: number) => void;

export const CONTROL_WORDS = 16;
const TICKET = 0;
const DONE = 1;
const PIECES = 2;
const OPERATION = 3;
/** Pieces that helpers have done since the start, for those who want to know whether they help. */
export const HELPED = 4;

const PIECE_BITS = 20;
const PIECE_MASK = (1 << PIECE_BITS) - 1;
/** No operation may have more pieces than this. */
export const MAX_PIECES = PIECE_MASK - 1;
const GENERATION_MASK = (1 << (31 - PIECE_BITS)) - 1;
const QUIT = -1;
/** Loads before a waiting thread goes to sleep: some 10 microseconds. */
const SPIN = 1000;

function workOff(control: Int32Array, run: RunPiece, description: number, scratch: number, stop?: () => boolean): void {
  for (;;) {
    const ticket = Atomics.load(control, TICKET);
    const piece = ticket & PIECE_MASK;
    const pieces = Atomics.load(control, PIECES);
    if (ticket === QUIT || piece >= pieces) return;
    // The ticket changes before PIECES and OPERATION do, so a successful exchange proves that both were current.
    if (Atomics.compareExchange(control, TICKET, ticket, ticket + 1) !== ticket) continue;
    run(Atomics.load(control, OPERATION), description, piece, scratch);
    if (Atomics.add(control, DONE, 1) + 1 >= pieces) Atomics.notify(control, DONE);
    if (stop?.() === true) return;
  }
}

/** The caller's side. */
export class TicketQueue {
  readonly control = new Int32Array(new SharedArrayBuffer(4 * CONTROL_WORDS));
  private generation = 0;

  constructor() {
    this.close();
  }

  /** Runs all pieces; false when `stop` said so before the end (no piece is running then any more). */
  run(
    operation: number,
    pieces: number,
    run: RunPiece,
    description: number,
    scratch: number,
    stop?: () => boolean,
  ): boolean {
    const { control } = this;
    Atomics.store(control, DONE, 0);
    Atomics.store(control, PIECES, pieces);
    Atomics.store(control, OPERATION, operation);
    this.generation = (this.generation + 1) & GENERATION_MASK;
    Atomics.store(control, TICKET, this.generation << PIECE_BITS);
    Atomics.notify(control, TICKET);
    workOff(control, run, description, scratch, stop);
    const claimed = Math.min(pieces, this.close());
    let done = Atomics.load(control, DONE);
    for (let k = 0; done < claimed; done = Atomics.load(control, DONE)) {
      if (++k > SPIN) Atomics.wait(control, DONE, done, 1);
    }
    return claimed === pieces;
  }

  /** Sends the helpers home. */
  quit(): void {
    Atomics.store(this.control, TICKET, QUIT);
    Atomics.notify(this.control, TICKET);
  }

  /** Nothing can be claimed any more; returns how many pieces were. */
  private close(): number {
    return Atomics.exchange(this.control, TICKET, (this.generation << PIECE_BITS) | PIECE_MASK) & PIECE_MASK;
  }
}

/** The life of a helper thread: works on pieces until `quit`. Blocks its thread. */
export function serveTickets(setup: HelperSetup): void {
  const { control, description, scratch } = setup;
  const instance = new WebAssembly.Instance(setup.module, { env: { memory: setup.memory } });
  const run = instance.exports.task as RunPiece;
  const counted: RunPiece = (...piece) => {
    run(...piece);
    Atomics.add(control, HELPED, 1);
  };
  for (;;) {
    let ticket = Atomics.load(control, TICKET);
    for (let k = 0; ticket !== QUIT && (ticket & PIECE_MASK) >= Atomics.load(control, PIECES); k++) {
      if (k > SPIN) Atomics.wait(control, TICKET, ticket);
      ticket = Atomics.load(control, TICKET);
    }
    if (ticket === QUIT) return;
    workOff(control, counted, description, scratch);
  }
}
