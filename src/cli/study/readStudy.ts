import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { isNode, LineCounter, parseDocument } from 'yaml';
import { fileErrorWords } from '../../core/base/fileErrors.ts';
import type { DataFile, StudyPlan } from '../../study/plan.ts';
import { StudyError } from '../../study/studyError.ts';
import { type Study, studySchema } from '../../study/studyFile.ts';
import { checkInput, readTextInput } from '../inputs.ts';
import { UsageError } from '../usage.ts';

/** A study as its file says it, and where in the file its parts stand. */
export interface StudySource {
  readonly file: string;
  readonly study: Study;
  /** The complaint with the file's name, line and column in front. */
  readonly located: (error: StudyError) => UsageError;
}

/** Most aliases of YAML that a study may have: more are an attack. */
const aliases = 100;

/** Reads a study file: YAML, of which JSON is a part. @throws {UsageError} with line and column */
export function readStudy(file: string): StudySource {
  const lines = new LineCounter();
  const document = parseDocument(readTextInput(file), { lineCounter: lines, prettyErrors: false });
  const at = (offset: number, message: string): UsageError => {
    const { line, col } = lines.linePos(offset);
    return new UsageError(`${file}:${line}:${col}: ${message}`);
  };
  const [fault] = document.errors;
  if (fault !== undefined) throw at(fault.pos[0], fault.message);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: aliases });
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`);
  }
  const located = ({ message, path: place }: StudyError): UsageError => {
    // the place itself, or the nearest one around it that the file has
    for (let depth = place.length; depth >= 0; depth--) {
      const node = document.getIn(place.slice(0, depth), true);
      if (isNode(node) && node.range) return at(node.range[0], message);
    }
    return new UsageError(`${file}: ${message}`);
  };
  const parsed = v.safeParse(studySchema, value);
  if (parsed.success) return { file, study: parsed.output, located };
  const issue = parsed.issues[0];
  const place = (issue.path ?? []).map(({ key }) => key as string | number);
  const name = place.length === 0 ? 'a study' : place.join('.');
  throw located(new StudyError(`${name}: ${issueWords(issue)}`, place));
}

function issueWords(issue: v.BaseIssue<unknown>): string {
  if (issue.type === 'strict_object' && issue.expected === 'never') return 'there is no such field';
  if (issue.received === 'undefined') return `it is missing (${issue.expected ?? 'a value'})`;
  return issue.message;
}

/** The plan of a study: its data files are found beside it and known by their content. @throws {UsageError} where one cannot be read */
export async function planOf({ file, study, located }: StudySource): Promise<StudyPlan> {
  const files: DataFile[] = [];
  const digests = new Map<string, string>();
  for (const [k, entry] of study.data.entries()) {
    const full = path.resolve(path.dirname(file), entry.file);
    const place = ['data', k, 'file'] as const;
    try {
      checkInput(full);
    } catch (error) {
      throw located(new StudyError((error as Error).message, place));
    }
    const name = entry.name ?? path.basename(full).replace(/\.[^.]*$/, '');
    if (files.some((other) => other.name === name))
      throw located(new StudyError(`two data sets are called "${name}"; give one of them a name of its own`, place));
    const sha256 = digests.get(full) ?? (await digestOf(full));
    digests.set(full, sha256);
    files.push({ name, file: full, bytes: statSync(full).size, sha256 });
  }
  return { study, files };
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${fileErrorWords(error)}`);
  }
  return hash.digest('hex');
}
