/** The command line was used wrongly, or a file cannot be read or written: one line on stderr, exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** Whether the help of the command follows the message. */
  readonly showHelp: boolean;

  constructor(message: string, { showHelp = false }: { readonly showHelp?: boolean } = {}) {
    super(message);
    this.showHelp = showHelp;
  }
}

/** Exit statuses, the same for every command. */
export const exitStatus = { ok: 0, internalError: 1, badInput: 2, stopped: 3 } as const;

/** One command of the program. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** Everything `--help` shows. */
  readonly help: string;
  /** Runs with the arguments after the command's name; resolves to the exit status. */
  run(args: readonly string[]): Promise<number>;
}
