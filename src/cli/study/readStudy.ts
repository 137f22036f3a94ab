import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import path from 'node:path';
import { fileErrorWords } from '../../core/base/fileErrors.ts';
import { readYaml, YamlError } from '../../session/yamlFile.ts';
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

/** Reads a study file: YAML, of which JSON is a part. @throws {UsageError} with line and column */
export function readStudy(file: string): StudySource {
  const usage = ({ message, line, column }: YamlError): UsageError =>
    new UsageError(`${file}:${line === undefined ? '' : `${line}:${column}:`} ${message}`);
  try {
    const { value, complaint } = readYaml(readTextInput(file), studySchema, 'a study');
    return { file, study: value, located: ({ message, path: place }) => usage(complaint(message, place)) };
  } catch (error) {
    throw error instanceof YamlError ? usage(error) : error;
  }
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
