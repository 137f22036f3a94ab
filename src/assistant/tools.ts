/** What assistants can ask for, by name: the same over MCP and in the editor, whose manifest spells these words again (a test compares them). */
export interface ToolWords {
  readonly name: string;
  readonly title: string;
  /** What it does and what comes back, for a language model. */
  readonly description: string;
  /** It reads only. */
  readonly readOnly: boolean;
}

const numbers =
  'Numbers are those of the panel. "proven" is best of all networks of the family, "bounded" is within a proven percentage, "searched" is evidence and no proof, "gates" holds for fixed activation patterns only.';

export const tools = {
  inspect: {
    name: 'convexnet_inspect_data',
    title: 'Inspect a data file',
    description:
      'Looks at the first rows of a CSV or TSV file: columns with kinds, gaps and examples, the target and task that would be inferred. Trains nothing.',
    readOnly: true,
  },
  train: {
    name: 'convexnet_train',
    title: 'Train a convex network',
    description: `Trains a network on a CSV or TSV file by convex optimisation and proves how far it is from the best of its family. Gives verdict, scores beside simple models, and a run id. ${numbers}`,
    readOnly: false,
  },
  verdict: {
    name: 'convexnet_read_verdict',
    title: 'Read the verdict of a run',
    description: `What a run found and how far it is proven. ${numbers}`,
    readOnly: true,
  },
  compare: {
    name: 'convexnet_compare_runs',
    title: 'Compare runs',
    description:
      'Puts 2 to 20 runs with the same target beside each other; the first is the baseline. Gives settings that differ, results, paired differences with standard errors on rows held out of both, and how many neurons have the same direction.',
    readOnly: true,
  },
  predict: {
    name: 'convexnet_predict',
    title: 'Predict with a run',
    description:
      'Runs the network of a run on the rows of a CSV or TSV file, encoded as the training data were. Gives a CSV with line, target (when the file has it), prediction and raw outputs for classes.',
    readOnly: true,
  },
} as const satisfies Readonly<Record<string, ToolWords>>;

export type ToolName = keyof typeof tools;

/** Lines of predictions that are handed to a language model; more are counted. */
export const predictionLines = 200;

/** The head of a table in CSV, and what was left out. */
export function headOfCsv(csv: string): { readonly csv: string; readonly rowsLeftOut: number } {
  const lines = csv.trimEnd().split(/\r?\n/);
  const shown = lines.slice(0, predictionLines + 1);
  return { csv: `${shown.join('\n')}\n`, rowsLeftOut: lines.length - shown.length };
}
