import { errorSentences } from './errorSentences.ts';
import { fileSentences } from './fileSentences.ts';
import { recordParts, recordSentences } from './recordSentences.ts';
import { type Say, type Template, templatesOf, translated } from './recorded.ts';
import { filled } from './texts.ts';

/** An error as it crosses to the editor; `text` is the sentence without its place, `message` has it in front. */
export interface SaidError {
  readonly message: string;
  readonly text?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly columnName?: string;
}

/** Made when a language first needs them. */
let made: readonly Template[] | undefined;
const templates = (): readonly Template[] =>
  (made ??= templatesOf([...errorSentences, ...fileSentences, ...recordSentences, ...recordParts]));

/** What an error says in the language of `texts`, its place in front; what no template fits stays as it is. */
export function errorBy(error: SaidError, texts: Readonly<Record<string, string>>): string {
  const say: Say = (template, values) => filled(texts[template] ?? template, values);
  const { text, file, line, column, columnName } = error;
  if (text === undefined) return said(error.message, say);
  const name = columnName ?? '';
  const place = [
    ...(file === undefined ? [] : [file]),
    ...(line === undefined ? [] : [say('line {0}', [String(line)])]),
    ...(column === undefined
      ? columnName === undefined
        ? []
        : [say('column "{0}"', [name])]
      : columnName === undefined
        ? [say('column {0}', [String(column)])]
        : [say('column {0} ("{1}")', [String(column), name])]),
  ];
  const words = said(text, say);
  return place.length === 0 ? words : `${place.join(', ')}: ${words}`;
}

/** Names as they are, and counted places among them ("W1, row 3") in the language. */
function placeBy(names: string, say: Say): string {
  return names
    .split(', ')
    .map((part) => {
      const [, kind, number] = /^(row|column|entry|layer|line) (\d+)$/.exec(part) ?? [];
      return kind === undefined ? part : say(`${kind} {0}`, [number]);
    })
    .join(', ');
}

/** The place that a message begins with ("X, row 3, column 2: …"), and the rest. */
const placed = /^((?:[^:]+, )?(?:row|column|entry|layer) \d+): (.+)$/s;

/** What an error says in the language of a page; `say` puts values into the translation of a template. */
export const errorSaid = (message: string, say: Say): string => said(message, say);

/** A whole sentence, or what follows the names and places before a colon. */
function said(english: string, say: Say): string {
  const [, place, about] = placed.exec(english) ?? [];
  if (place !== undefined) return `${placeBy(place, say)}: ${said(about, say)}`;
  const whole = translated(english, templates(), say);
  if (whole !== undefined) return whole;
  for (let at = english.indexOf(': '); at >= 0; at = english.indexOf(': ', at + 1)) {
    const rest = translated(english.slice(at + 2), templates(), say);
    if (rest !== undefined) return `${placeBy(english.slice(0, at), say)}: ${rest}`;
  }
  return english;
}
