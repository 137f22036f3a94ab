import { DataError } from '../core/data/dataError.ts';
import type { Control } from '../core/base/control.ts';
import { nodeFileSource, nodeSessionDeps } from '../platform/node/nodeSession.ts';
import { createSession, type Inspection, TrainStopped } from '../session/session.ts';
import { productVersion } from '../shared/version.ts';
import { McpServer } from './mcp/protocol.ts';
import { toolset } from './mcp/toolset.ts';
import { parseOptions } from './options.ts';
import { onStop } from './signals.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';
import { createKernels } from '../core/base/kernels/createKernels.ts';

/** The part that runs in the worker: what a file holds, from its first rows. */
export async function inspectTask(file: string, control: Control): Promise<Inspection> {
  const session = createSession(await nodeFileSource(file), nodeSessionDeps({ kernels: createKernels() }));
  try {
    return await session.inspect(undefined, control);
  } catch (error) {
    if (error instanceof DataError) throw new UsageError(error.message);
    if (error instanceof TrainStopped) throw new UsageError('stopped while looking at the file');
    throw error;
  }
}

export const mcpCommand: Command = {
  summary: 'serve the tools to an assistant (Model Context Protocol over standard input and output)',
  help: `convexnet mcp [options]

A server of the Model Context Protocol over standard input and output, for assistants: inspect a data file, train, read a verdict, compare
runs, predict. Results are the numbers and words of the panel. Files at or below the folder that it is started in are read, nothing is
written; runs are kept until it ends.

  --allow-paths            read files anywhere

Exit status: 0 when standard input ends, 2 wrong use.
`,
  async run(args) {
    const { values, positionals } = parseOptions(args, { 'allow-paths': { type: 'boolean' } });
    if (positionals.length > 0) throw new UsageError('no files are named here', { showHelp: true });
    const workspace = { root: process.cwd(), anywhere: values['allow-paths'] === true, runs: new Map() };
    const info = {
      name: 'convexnet',
      title: 'Convex Network Explorer',
      version: productVersion,
      instructions:
        'Trains small neural networks to proven global optimality. Report the verdict in its own words: proven, bounded, searched, gates or stopped are different claims. Ask the person before training on more than a small file.',
    };
    const server = new McpServer(info, toolset(workspace), (line) => void process.stdout.write(line));
    await new Promise<void>((ended) => {
      process.stdin.setEncoding('utf8');
      process.stdin.on('data', (text: string) => server.receive(text));
      process.stdin.on('end', ended);
      process.stdin.on('error', () => ended());
      onStop(ended);
    });
    server.close();
    process.stdin.destroy();
    return exitStatus.ok;
  },
};
