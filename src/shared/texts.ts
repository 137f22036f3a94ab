/**
 * Texts of the interface in the editor's language. Code says them in English; the bundler passes those of the pages through here
 * (src/build/texts.mjs). A text that the bundle of the language lacks is shown in English.
 */

let bundle: Readonly<Record<string, string>> = {};
let language = 'en';
/** Forms of a word for one and for several, by its singular as it is shown. */
let forms: ReadonlyMap<string, readonly [string, string]> = new Map();

/** Takes the texts of a language (English text → its translation); to be called before anything is shown. */
export function setTexts(texts: Readonly<Record<string, string>>, of = 'en'): void {
  bundle = texts;
  language = of;
  forms = new Map(
    Object.entries(texts).flatMap(([english, translated]) => {
      const [one, ...more] = english.split('|');
      const [first, second] = translated.split('|');
      if (more.length !== 1 || second === undefined) return [];
      const form = [first, second] as const;
      return [[one, form] as const, [texts[one] ?? one, form] as const];
    }),
  );
}

/** Texts of a language with its tag. */
export interface Language {
  readonly tag: string;
  readonly texts: Readonly<Record<string, string>>;
}

/** What `say` says, in a language; English where there is none. Nothing is said in that language before or after. */
export function saidIn<T>(spoken: Language | undefined, say: () => T): T {
  if (spoken === undefined) return say();
  const before = [bundle, language] as const;
  setTexts(spoken.texts, spoken.tag);
  try {
    return say();
  } finally {
    setTexts(...before);
  }
}

/** The tag of the language that texts are in. */
export function textsLanguage(): string {
  return language;
}

/** A text with `values` for {0}, {1}, …. */
export function text(english: string, ...values: readonly unknown[]): string {
  const words = bundle[english] ?? english;
  return values.length === 0 ? words : filled(words, values);
}

/** A template with `values` for {0}, {1}, …. */
export function filled(words: string, values: readonly unknown[]): string {
  return words.replace(/\{(\d+)\}/g, (_, i: string) => String(values[Number(i)]));
}

/** The same, in parts, for values that are elements of a page. */
export function parts(english: string, ...values: readonly unknown[]): unknown[] {
  return (bundle[english] ?? english).split(/\{(\d+)\}/).map((part, i) => (i % 2 === 0 ? part : values[Number(part)]));
}

/** The form of a word that goes with a number: "row", "rows". */
export function countWord(value: number, one: string, many?: string): string {
  const pair = bundle[`${one}|${many ?? `${one}s`}`]?.split('|') ?? (many === undefined ? forms.get(one) : undefined);
  return value === 1 ? (pair?.[0] ?? one) : (pair?.[1] ?? many ?? `${one}s`);
}
