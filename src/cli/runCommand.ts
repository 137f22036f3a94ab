import { plainLines, plainText } from '../core/data/plainText.ts';
import { listenForSignals } from './signals.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

/** Runs one command with the arguments after its name; resolves to the exit status. */
export async function runCommand(name: string, command: Command, args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(command.help);
    return exitStatus.ok;
  }
  listenForSignals();
  try {
    return await command.run(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(
      `convexnet ${name}: ${plainText(error.message)}\n${error.showHelp ? `\n${command.help}` : ''}`,
    );
    return exitStatus.badInput;
  }
}

/** The status that `run` comes to; an error that nobody expected is one message and a status. */
export async function statusOf(run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`convexnet: internal error: ${plainLines(words)}\n`);
    return exitStatus.internalError;
  }
}

/** Makes `run` what this process does: its status is the process's. */
export function asProgram(run: () => Promise<number>): void {
  // who closes a pipe has read enough; what is written through outputs.ts is told of every other failure
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  void statusOf(run).then((status) => {
    process.exitCode = status;
  });
}
