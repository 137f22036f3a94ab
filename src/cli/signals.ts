import { constants } from 'node:os';

/**
 * Ctrl-C, a request to end and a closed terminal all ask for the same: stop, and keep what is there. So none of them ends the program
 * while results are written; a second Ctrl-C or request does.
 */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const listeners = new Set<() => void>();

let listening = false;

export function listenForSignals(): void {
  if (listening) return;
  listening = true;
  for (const signal of signals) {
    let count = 0;
    process.on(signal, () => {
      count++;
      // a session that ends may hang up more than once
      if (count > 1 && signal !== 'SIGHUP') process.exit(128 + constants.signals[signal]);
      for (const listener of listeners) listener();
    });
  }
}

/** Calls `listener` when the program is asked to stop; returns how to take that back. */
export function onStop(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
