import * as v from 'valibot';
import { isNode, LineCounter, parseDocument } from 'yaml';
import { schemaWords } from '../core/base/schemaWords.ts';

/** Most aliases of YAML that a file may have: more are an attack. */
const aliases = 100;

type Path = readonly (string | number)[];

/** What is wrong with a file of YAML, and where. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
  constructor(
    message: string,
    readonly line?: number,
    readonly column?: number,
  ) {
    super(message);
  }
}

const notYaml = (detail: string): string => `this is not valid YAML (${detail})`;

export interface YamlFile<T> {
  readonly value: T;
  /** A complaint about a part of the file, with the place of that part or of the nearest one around it. */
  readonly complaint: (message: string, path: Path) => YamlError;
}

/**
 * Reads YAML, of which JSON is a part; `what` is said of a file that is no such thing as a whole ("a study").
 * @throws {YamlError} where it is not YAML or not what the schema asks for
 */
export function readYaml<T>(text: string, schema: v.GenericSchema<unknown, T>, what: string): YamlFile<T> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number, message: string): YamlError => {
    const { line, col } = lines.linePos(offset);
    return new YamlError(message, line, col);
  };
  const complaint = (message: string, path: Path): YamlError => {
    for (let depth = path.length; depth >= 0; depth--) {
      const node = document.getIn(path.slice(0, depth), true);
      if (isNode(node) && node.range) return at(node.range[0], message);
    }
    return new YamlError(message);
  };
  const [fault] = document.errors;
  if (fault !== undefined) throw at(fault.pos[0], notYaml(fault.message));
  let raw: unknown;
  try {
    raw = document.toJS({ maxAliasCount: aliases });
  } catch (error) {
    throw new YamlError(notYaml((error as Error).message));
  }
  const parsed = v.safeParse(schema, raw);
  if (parsed.success) return { value: parsed.output, complaint };
  const issue = parsed.issues[0];
  const place = (issue.path ?? []).map(({ key }) => key as string | number);
  throw complaint(`${place.length === 0 ? what : place.join('.')}: ${schemaWords(issue)}`, place);
}
