import { isMainThread } from 'node:worker_threads';
import { plainText } from '../core/data/plainText.ts';
import { isFoldThread, serveFoldThread } from '../platform/node/foldThreads.ts';
import { allowRelaxedSimd } from '../platform/node/relaxedSimd.ts';
import { runJobsHere, serveBackground, type Task } from './background.ts';
import { certifyCommand, certifyTask } from './certify.ts';
import { checkCommand } from './check.ts';
import { explainCommand, explainTask } from './explain.ts';
import { labCommands, labTask } from './lab.ts';
import { inspectCommand, lookTask } from './inspect.ts';
import { inspectTask, mcpCommand } from './mcp.ts';
import { predictCommand, predictTask } from './predict.ts';
import { compareCommand } from './compare.ts';
import { reportCommand } from './report.ts';
import { asProgram, runCommand, statusOf } from './runCommand.ts';
import { solveCommand, solveTask } from './solve.ts';
import { studyCommand } from './study/study.ts';
import { structureCommand, structureTask } from './structure.ts';
import { trainCommand, trainTask } from './train.ts';
import { type Command, exitStatus } from './usage.ts';

/** Commands by name; each lives in the file of that name. */
const commands: Readonly<Record<string, Command>> = {
  solve: solveCommand,
  certify: certifyCommand,
  check: checkCommand,
  inspect: inspectCommand,
  train: trainCommand,
  predict: predictCommand,
  explain: explainCommand,
  report: reportCommand,
  compare: compareCommand,
  structure: structureCommand,
  study: studyCommand,
  ...labCommands,
  mcp: mcpCommand,
};

/** What commands run in the background, by name. */
const tasks: Readonly<Record<string, Task>> = {
  solve: solveTask,
  certify: certifyTask,
  train: trainTask,
  predict: predictTask,
  explain: explainTask,
  inspect: inspectTask,
  look: lookTask,
  structure: structureTask,
  lab: labTask,
};

const help = `convexnet COMMAND [arguments]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join('\n')}

convexnet COMMAND --help tells more.
`;

async function run(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    process.stderr.write(help);
    return exitStatus.badInput;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    const command = rest[0] !== undefined && Object.hasOwn(commands, rest[0]) ? commands[rest[0]] : undefined;
    process.stdout.write(command?.help ?? help);
    return exitStatus.ok;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    process.stderr.write(`convexnet: there is no command "${plainText(name)}"\n\n${help}`);
    return exitStatus.badInput;
  }
  return runCommand(name, command, rest);
}

/** Runs the program's arguments within a process that loads this bundle and stays: a start costs more than most commands compute. Gives the status. */
export function runHere(args: readonly string[]): Promise<number> {
  runJobsHere(tasks);
  return statusOf(() => run(args));
}

allowRelaxedSimd();
if (!isMainThread) {
  if (isFoldThread()) serveFoldThread();
  else serveBackground(tasks);
} else if (require.main?.filename === __filename) {
  asProgram(() => run(process.argv.slice(2)));
}
