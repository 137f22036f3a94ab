import { recordParts, recordSentences } from './recordSentences.ts';
import { filled, text, textsLanguage } from './texts.ts';

export interface Template {
  readonly english: string;
  readonly form: RegExp;
  /** Placeholders between quotation marks hold text of a file. */
  readonly quoted: readonly boolean[];
}

/** Sentences with {0}, {1} as what finds what was made from them; the most letters first, so that a general one takes nothing from one that says more. */
export const templatesOf = (sentences: readonly string[]): readonly Template[] =>
  sentences
    .map((english): Template => {
      const pieces = english.split(/\{\d+\}/);
      const escaped = pieces.map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      const value = valueIn(english);
      return {
        english,
        form: new RegExp(`^${escaped.join(value)}$`, 's'),
        quoted: pieces.slice(1).map((piece, i) => piece.startsWith('"') && pieces[i].endsWith('"')),
      };
    })
    .sort((a, b) => letters(b.english) - letters(a.english));

/** "{0} rows" is a count, not the end of any sentence; what only joins its parts ("{0} x {1}") joins no sentences. */
function valueIn(english: string): string {
  if (/^\{0\} \p{Ll}+$/u.test(english)) return '([\\d.,]+)';
  return /^\{0\} \S \{1\}$/.test(english) ? '([^:]+?)' : '(.+?)';
}

/** Made when a language first needs them: English never does. */
let recordTemplates: readonly Template[] | undefined;
const ofRecords = (): readonly Template[] => (recordTemplates ??= templatesOf([...recordSentences, ...recordParts]));

function letters(english: string): number {
  return english.replace(/\{\d+\}/g, '').length;
}

const known = new Map<string, string>();
let knownIn = '';

/**
 * A sentence of a record in the editor's language; several are translated one by one, and one that no template fits stays as it is. What was put in stays,
 * too: numbers and text of files; words of ours among it are translated.
 */
export function recorded(english: string): string {
  if (textsLanguage() === 'en') return english;
  if (knownIn !== textsLanguage()) {
    known.clear();
    knownIn = textsLanguage();
  }
  let words = known.get(english);
  if (words === undefined) {
    words = sentenceIn(english, ofRecords(), (template, values) => text(template, ...values));
    if (known.size > 2_000) known.clear();
    known.set(english, words);
  }
  return words;
}

/** The same with the texts of some language. */
export function recordedBy(english: string, texts: Readonly<Record<string, string>>): string {
  return sentenceIn(english, ofRecords(), (template, values) => filled(texts[template] ?? template, values));
}

/** Puts values into the translation of a template. */
export type Say = (template: string, values: readonly string[]) => string;

function sentenceIn(english: string, templates: readonly Template[], say: Say): string {
  return (
    translated(english, templates, say) ??
    english
      .split(/(?<=[.!?]) (?=[\p{Lu}"\d])/u)
      .map((one) => translated(one, templates, say) ?? one)
      .join(' ')
  );
}

/** What the first template that fits makes of a sentence; undefined where none does. */
export function translated(english: string, templates: readonly Template[], say: Say): string | undefined {
  for (const { english: template, form, quoted } of templates) {
    const match = form.exec(english);
    // what is put in is no end of one sentence and start of the next
    if (match === null || match.slice(1).some((value) => /[.!?] [\p{Lu}"\d]/u.test(value))) continue;
    const values = match.slice(1).map((value, i) => (quoted[i] ? value : (translated(value, templates, say) ?? value)));
    return say(template, values);
  }
  // a reason that was made a sentence
  const bare = english.endsWith('.') ? translated(english.slice(0, -1), templates, say) : undefined;
  return bare === undefined ? undefined : `${bare}.`;
}

/** Notes on a column, which are joined by semicolons. */
export function recordedNote(note: string): string {
  const whole = recorded(note);
  return whole === note ? note.split('; ').map(recorded).join('; ') : whole;
}
