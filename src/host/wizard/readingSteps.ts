import * as v from 'valibot';
import * as vscode from 'vscode';
import { errorWords } from '../inLanguage.ts';
import type { Inspection } from '../../session/session.ts';
import { missingWays, type MissingSetting, type TrainSettings } from '../../shared/settings.ts';
import { trainSettingsSchema } from '../../shared/settingsSchema.ts';
import type { ListItem } from '../ui.ts';
import { askText, Cancelled, pickOne, type Place, type Step } from './multiStep.ts';

/** How the file is read, and what becomes of rows with gaps. */
export type ReadingChoice = Pick<TrainSettings, 'dialect' | 'missing'>;
type Dialect = NonNullable<TrainSettings['dialect']>;
type Fact = keyof Dialect | 'missing';

/** A value with its words; undefined: left to what the reader finds out. */
interface Value<T> extends ListItem {
  readonly value: T | undefined;
}

/** An entry of the list of facts; without a fact it goes on. */
interface FactItem extends ListItem {
  readonly fact?: Fact;
}

function gapWords(): Record<MissingSetting, Pick<ListItem, 'label' | 'detail'>> {
  return {
    auto: {
      label: vscode.l10n.t('Left out, or filled where that loses too much'),
      detail: vscode.l10n.t('Filled where more than 5 % of the rows would go.'),
    },
    drop: { label: vscode.l10n.t('Left out'), detail: vscode.l10n.t('Rows with a gap in a column that is used.') },
    impute: {
      label: vscode.l10n.t('Filled'),
      detail: vscode.l10n.t('With the median, or the commonest category, of the training rows.'),
    },
  };
}

function delimiterWords(): Record<string, string> {
  return {
    ',': vscode.l10n.t('comma'),
    ';': vscode.l10n.t('semicolon'),
    '\t': vscode.l10n.t('tab'),
    '|': vscode.l10n.t('bar'),
    ' ': vscode.l10n.t('white space'),
  };
}
const decimalWords = (): Record<string, string> => ({ '.': vscode.l10n.t('point'), ',': vscode.l10n.t('comma') });
const headerWords = (): Record<string, string> => ({ true: vscode.l10n.t('names'), false: vscode.l10n.t('data') });
const quoteWords = (): Record<string, string> => ({
  '"': vscode.l10n.t('double'),
  "'": vscode.l10n.t('single'),
  '\\"': vscode.l10n.t('backslash before'),
  '': vscode.l10n.t('none'),
});

/** A value in words; one that has none stands for itself. */
const said = (words: Readonly<Record<string, string>>, value: string): string =>
  Object.hasOwn(words, value) ? words[value] : `"${value}"`;

/** What is known of the file now, in one line. */
export function readingInWords({ encoding, delimiter, decimal, header }: Inspection): string {
  return vscode.l10n.t(
    '{0}; delimiter: {1}; decimal mark: {2}; first row: {3}',
    encoding,
    said(delimiterWords(), delimiter),
    said(decimalWords(), decimal),
    said(headerWords(), String(header)),
  );
}

/** One of some values, or what is found out. */
async function choose<T extends string>(
  place: Place,
  question: string,
  words: Readonly<Record<string, string>>,
  found: string | undefined,
  now: T | undefined,
): Promise<T | undefined> {
  const label = found === undefined ? vscode.l10n.t('Detected') : vscode.l10n.t('Detected: {0}', said(words, found));
  const items: Value<T>[] = [
    { label: now === undefined ? label : vscode.l10n.t('Detected'), value: undefined },
    ...Object.entries(words).map(([value, word]) => ({ label: word, value: value as T })),
  ];
  const picked = await pickOne(
    place,
    question,
    items.map((item) => (item.value === now ? { ...item, description: vscode.l10n.t('now') } : item)),
    undefined,
  );
  return picked.value;
}

/** What is refused of a part of the dialect, by its declaration. */
function refused<K extends keyof Dialect>(key: K, value: Dialect[K] | undefined): boolean {
  return value !== undefined && !v.safeParse(trainSettingsSchema.entries.dialect, { [key]: value }).success;
}

/** A text; empty: left to what is found out. */
async function askPart<K extends 'encoding' | 'skip' | 'comment' | 'na'>(
  place: Place,
  key: K,
  prompt: string,
  value: string,
  wrong: string,
  read: (text: string) => Dialect[K] | undefined,
): Promise<Dialect[K] | undefined> {
  const parse = (text: string): Dialect[K] | undefined => (text.trim() === '' ? undefined : read(text.trim()));
  const text = await askText(place, prompt, value, (typed) => (refused(key, parse(typed)) ? wrong : undefined));
  return parse(text);
}

/** The part of `dialect` that is asked for, changed. */
async function askFact(place: Place, fact: keyof Dialect, dialect: Dialect, found: Inspection): Promise<Dialect> {
  const set = <K extends keyof Dialect>(key: K, value: Dialect[K] | undefined): Dialect => {
    const rest = Object.fromEntries(Object.entries(dialect).filter(([name]) => name !== key)) as Dialect;
    return value === undefined ? rest : { ...rest, [key]: value };
  };
  switch (fact) {
    case 'delimiter': {
      const question = vscode.l10n.t('What stands between the cells of a row?');
      return set(fact, await choose(place, question, delimiterWords(), found.delimiter, dialect.delimiter));
    }
    case 'quote':
      return set(
        fact,
        await choose(place, vscode.l10n.t('How are cells quoted?'), quoteWords(), undefined, dialect.quote),
      );
    case 'decimal': {
      const question = vscode.l10n.t('Which is the decimal mark?');
      return set(fact, await choose(place, question, decimalWords(), found.decimal, dialect.decimal));
    }
    case 'header': {
      const now = dialect.header === undefined ? undefined : String(dialect.header);
      const question = vscode.l10n.t('What does the first row hold?');
      const picked = await choose(place, question, headerWords(), String(found.header), now);
      return set(fact, picked === undefined ? undefined : picked === 'true');
    }
    case 'encoding': {
      const prompt = vscode.l10n.t('Encoding, as utf-8, windows-1252 or gbk (empty: detected)');
      const wrong = vscode.l10n.t('At most 40 characters.');
      return set(fact, await askPart(place, fact, prompt, dialect.encoding ?? '', wrong, (text) => text));
    }
    case 'skip': {
      const prompt = vscode.l10n.t('Lines at the top to pass over (empty: detected)');
      const wrong = vscode.l10n.t('A whole number from 0 to 10,000.');
      const now = dialect.skip === undefined ? '' : String(dialect.skip);
      return set(fact, await askPart(place, fact, prompt, now, wrong, Number));
    }
    case 'comment': {
      const prompt = vscode.l10n.t('Lines that begin with this are passed over (empty: detected)');
      const wrong = vscode.l10n.t('At most 20 characters.');
      return set(fact, await askPart(place, fact, prompt, dialect.comment ?? '', wrong, (text) => text));
    }
    case 'na': {
      const prompt = vscode.l10n.t('Texts or numbers that are missing values, commas between them (besides the usual)');
      const wrong = vscode.l10n.t('At most 100 texts of at most 100 characters.');
      const read = (text: string): string[] => text.split(',').map((mark) => mark.trim());
      return set(fact, await askPart(place, fact, prompt, (dialect.na ?? []).join(', '), wrong, read));
    }
  }
}

/** Everything that is decided about the file, with what holds now. */
function factItems({ dialect = {}, missing }: ReadingChoice, found: Inspection): FactItem[] {
  const mark = (key: keyof Dialect): string =>
    dialect[key] === undefined ? vscode.l10n.t('detected') : vscode.l10n.t('chosen');
  const item = (fact: keyof Dialect, label: string, value: string): FactItem => ({
    fact,
    label,
    description: value,
    detail: mark(fact),
  });
  return [
    { label: vscode.l10n.t('Go on'), icon: 'arrow-right', alwaysShow: true },
    { label: '', separator: true },
    item('delimiter', vscode.l10n.t('Delimiter'), said(delimiterWords(), found.delimiter)),
    item('decimal', vscode.l10n.t('Decimal mark'), said(decimalWords(), found.decimal)),
    item('header', vscode.l10n.t('First row'), said(headerWords(), String(found.header))),
    item('encoding', vscode.l10n.t('Encoding'), found.encoding),
    item(
      'quote',
      vscode.l10n.t('Quotation marks'),
      dialect.quote === undefined ? '' : said(quoteWords(), dialect.quote),
    ),
    item('skip', vscode.l10n.t('Lines to skip'), dialect.skip === undefined ? '' : String(dialect.skip)),
    item('comment', vscode.l10n.t('Comment mark'), dialect.comment ?? ''),
    item('na', vscode.l10n.t('Missing values'), (dialect.na ?? []).join(', ')),
    { fact: 'missing', label: vscode.l10n.t('Rows with gaps'), description: gapWords()[missing].label },
  ];
}

/** The file as it is read now; looked at anew when the way of reading changes. */
export interface LookedAt {
  readonly value: Inspection;
  /** @throws what the reader throws; `value` then stays */
  again(dialect: Dialect): Promise<void>;
}

/**
 * The step that shows how the file is read: a list of what was decided, of which each can be changed; the file is looked at again after each change. A change
 * with which the file cannot be read is not taken, and the list says why.
 */
export function readingStep(choice: { value: ReadingChoice }, file: LookedAt): Step {
  let problem: string | undefined;
  return async (place) => {
    const { fact } = await pickOne(
      place,
      problem ?? vscode.l10n.t('How is the file read? (Enter to go on)'),
      factItems(choice.value, file.value),
      undefined,
    );
    problem = undefined;
    if (fact === undefined) return undefined;
    const inside: Place = { ...place, inside: true };
    if (fact === 'missing') {
      const items = missingWays.map((way) => ({
        ...gapWords()[way],
        way,
        description: way === choice.value.missing ? vscode.l10n.t('now') : '',
      }));
      const { way } = await pickOne(
        inside,
        vscode.l10n.t('What becomes of rows with gaps?'),
        items,
        items.find((item) => item.way === choice.value.missing),
      );
      choice.value = { ...choice.value, missing: way };
      return 'again';
    }
    const dialect = await askFact(inside, fact, choice.value.dialect ?? {}, file.value);
    try {
      await file.again(dialect);
      choice.value = { ...choice.value, dialect };
    } catch (error) {
      if (error instanceof Cancelled) throw error;
      problem = vscode.l10n.t('Not taken: {0}', errorWords(error));
    }
    return 'again';
  };
}
