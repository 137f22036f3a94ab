import { looksLikeDate } from './cells.ts';
import { markerOf } from './markers.ts';
import { dateColumn, dateOfDays } from './dates.ts';
import { cellCode, type Column, type Table } from './table.ts';

export type Task = 'regression' | 'binary' | 'multiclass';
export type ColumnKind = 'numeric' | 'categorical' | 'constant' | 'id';

/** A text column with more categories than this is left out (or, when asked for, loses the rarest ones). */
export const categoryLimit = 20;
/** More classes than this are refused. */
export const classLimit = 100;
/** Distinct numbers are counted up to here. */
const distinctLimit = 100_000;
/** A column with a larger share of texts among its values is text, not a numeric column with bad cells. */
const badCellShare = 0.5;

/** What a column holds and what it is good for. */
export interface ColumnProfile {
  /** As it is used: dates are numbers in it. */
  readonly column: Column;
  /** It holds dates, taken as days since 1970-01-01. */
  readonly date: boolean;
  readonly kind: ColumnKind;
  /** Distinct values, texts and numbers together; a lower bound when the column has very many. */
  readonly distinct: number;
  readonly missing: number;
  /** Row of the first text in a column otherwise of numbers or dates, and how many there are. */
  readonly bad: { readonly row: number; readonly count: number; readonly text: string } | null;
  /** Whether inference would use it as a feature, and why not. */
  readonly suggested: boolean;
  readonly note: string;
  /** The task it makes as a target; null when it cannot be one. */
  readonly task: Task | null;
  /** Another task is also reasonable: worth asking. */
  readonly taskUnclear: boolean;
  /** The column numbers or names rows. */
  readonly idLike: boolean;
}

/** Words that name a number as one of rows, as a whole name or as its last word; `id` also as the first. */
const idWhole =
  /^(ids?|index|idx|row|rowid|row (nr|no|number)|nr|no|number|#|key|uuid|guid|zip|zip ?code|postcode|plz|unnamed.*)$/;
const idAlone =
  /^(uid|userid|sno|ssn|phone|telephone|tel|mobile|fax|imei|isbn|ean|barcode|serial|invoice|receipt|txn|ref|reference|rownum|rownumber|obs|hash|postleitzahl|\u043d\u043e\u043c\u0435\u0440|\u7f16\u53f7|\u5e8f\u53f7)$/;
const idLast = /(^| )(ids?|nr|no|number|num|key|code|uuid|guid|uid|ref|#)$/;
/** Words run together: userid, PASSENGERID. */
const idTogether =
  /^(user|customer|cust|client|patient|passenger|employee|emp|member|product|order|account|transaction|session|record|case|item|loan|student|device|object|sample|subject|person|visit|sale|store|row|tweet|post|movie|track|job|image|file|message|parent|school)(id|no|nr|number|code|key|#)$/;
/** Names of times: a column that counts them up is no number of rows. */
const timeNames =
  /^(year|yr|month|mon|week|weeks|day|days|hour|hours|minute|minutes|second|seconds|time|t|date|period|quarter|season|age|step|epoch|timestamp|jahr|monat|tag|woche|zeit|ann\u00e9e|mois|jour|a\u00f1o|mes)$/;

/** A name as words in lower case: customer_id, CustomerId and CUSTOMER-ID are "customer id". */
function wordsOf(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/[_.\-/ ]+/g, ' ')
    .replace(/(?<=\p{L})#$/u, ' #')
    .trim()
    .toLowerCase();
}

/** Whether a name is one of identifiers, however it is written: customer_id, CustomerId, CUSTOMER-ID. */
function namesRows(name: string): boolean {
  const words = wordsOf(name);
  return (
    idWhole.test(words) ||
    idAlone.test(words) ||
    idLast.test(words) ||
    idTogether.test(words) ||
    words.startsWith('id ')
  );
}

/** Share of different values from which a column with the name of an identifier is taken for one. */
const idShare = 0.9;

interface NumericFacts {
  readonly distinct: number;
  readonly integers: boolean;
  readonly min: number;
  readonly max: number;
  /** 1, 2, 3, ... down the file, each row one more than the row before. */
  readonly counter: boolean;
}

function numericFacts(column: Column): NumericFacts {
  const seen = new Set<number>();
  let integers = true;
  let min = Infinity;
  let max = -Infinity;
  let counter = true;
  let previous = NaN;
  for (const value of column.numbers) {
    if (Number.isNaN(value)) {
      counter = false;
      continue;
    }
    if (seen.size < distinctLimit) seen.add(value);
    if (integers && !Number.isInteger(value)) integers = false;
    if (value < min) min = value;
    if (value > max) max = value;
    if (!Number.isNaN(previous) && value !== previous + 1) counter = false;
    previous = value;
  }
  return { distinct: seen.size, integers, min, max, counter: counter && integers };
}

function usedTexts(column: Column): number {
  if (column.codes === null) return 0;
  const used = new Set<number>();
  for (const code of column.codes) if (code >= 0) used.add(code);
  return used.size + (column.overflow ? 1 : 0);
}

function firstText(column: Column): { row: number; text: string } {
  const row = column.codes!.findIndex((code) => code >= 0 || code === cellCode.overflow);
  return { row, text: column.dictionary[Math.max(0, column.codes![row])] ?? '' };
}

/** Whether a column of numbers numbers or names the rows, and in what words. */
function numbersRows(
  column: Column,
  facts: NumericFacts,
  present: number,
  bad: boolean,
): { readonly idLike: boolean; readonly note: string } {
  const nearlyAll = facts.integers && facts.distinct >= idShare * present && present >= 10 && !bad;
  const allDifferent = nearlyAll && facts.distinct === present;
  const counts = (column.index === 0 && !timeNames.test(wordsOf(column.name))) || namesRows(column.name);
  if (allDifferent && facts.counter && counts) {
    return { idLike: true, note: 'numbers the rows' };
  }
  // the row numbers of a table that was shuffled or filtered before it was written
  if (allDifferent && column.unnamed === true && column.index === 0) {
    return { idLike: true, note: 'integers that are all different in a first column without a name: numbers the rows' };
  }
  if (!nearlyAll || !namesRows(column.name)) return { idLike: false, note: '' };
  const how = allDifferent ? 'all different' : `nearly all different (${facts.distinct} in ${present})`;
  return { idLike: true, note: `integers that are ${how}: looks like an identifier` };
}

const ratio = /^[([]?[+-]?[\d.]+ ?[/:x;,] ?[+-]?[\d.]+[)\]]?$/;

/** The texts of a column are mostly two numbers in one cell. */
function holdsPairs(column: Column): boolean {
  const sample = column.dictionary.slice(0, 50);
  return sample.length > 0 && sample.filter((text) => ratio.test(text)).length >= 0.9 * sample.length;
}

/** The texts of a column are mostly dates or times that are not read as days. */
function holdsDates(column: Column): boolean {
  if (column.dates !== null && column.dateOrderOpen === true) return true;
  const sample = column.dictionary.filter((text) => markerOf(text) === undefined).slice(0, 50);
  return sample.length > 0 && sample.filter((text) => looksLikeDate(text)).length >= 0.9 * sample.length;
}

/** Looks through a column once. */
export function profileColumn(given: Column, rows: number): ColumnProfile {
  const dates = dateColumn(given, rows);
  const date = dates !== undefined;
  const column = dates ?? given;
  const missing = column.missing + column.notFinite;
  const present = rows - missing;
  const facts = numericFacts(column);
  const texts = usedTexts(column);
  const distinct = facts.distinct + texts;
  const numbers = present - column.texts;
  const base = { column, date, distinct, missing, bad: null, suggested: false, taskUnclear: false, idLike: false };
  if (present === 0) {
    return { ...base, kind: 'constant', note: 'no values', task: null };
  }
  const mixed = column.texts > 0 && numbers > 0;
  const mostlyNumeric =
    mixed && numbers > badCellShare * present && (distinct > categoryLimit || column.texts <= 0.05 * present);
  if (column.texts === 0 || mostlyNumeric || date) {
    const bad = column.texts > 0 ? { ...firstText(column), count: column.texts } : null;
    if (facts.distinct === 1 && bad === null) {
      return { ...base, kind: 'constant', note: `always ${date ? dateOfDays(facts.max) : facts.max}`, task: null };
    }
    if (date) return { ...base, kind: 'numeric', bad, suggested: true, note: '', task: 'regression' };
    const { task, unclear } = numericTask(facts, numbers, column.name);
    const { idLike, note } = numbersRows(column, facts, present, bad !== null);
    if (idLike) return { ...base, kind: 'id', note, task: 'regression', idLike };
    return { ...base, kind: 'numeric', bad, suggested: true, note: '', task, taskUnclear: unclear };
  }
  if (distinct === 1) {
    return { ...base, kind: 'constant', note: `always "${column.dictionary[0]}"`, task: null };
  }
  const task: Task | null = distinct > classLimit ? null : distinct === 2 ? 'binary' : 'multiclass';
  if (holdsDates(column)) {
    return {
      ...base,
      kind: 'id',
      note:
        column.dateOrderOpen === true
          ? 'dates whose day and month could be exchanged: give the type date-day-first or date-month-first'
          : 'dates or times in a form that is not read as days: not used as a feature',
      task: null,
      idLike: true,
    };
  }
  if (distinct > categoryLimit || (distinct === present && present > 10)) {
    const count = column.overflow ? `more than ${column.dictionary.length}` : `${distinct}`;
    const note = `text with ${count} distinct values (more than ${categoryLimit} are not encoded by default)`;
    if (holdsPairs(column)) {
      return { ...base, kind: 'id', note: 'two numbers in each cell: split it into two columns to use them', task };
    }
    if (column.dictionary.slice(0, 50).every((text) => text.startsWith('='))) {
      return { ...base, kind: 'id', note: 'formulas of a spreadsheet: save their values to use them', task: null };
    }
    const idLike = distinct > 0.5 * present;
    return { ...base, kind: 'id', note: idLike ? `${note}: names or free text` : note, task, idLike };
  }
  return { ...base, kind: 'categorical', suggested: true, note: '', task };
}

/** Names of columns that hold kinds of things: few integers under such a name are codes of classes. */
const kindNames = /(^|[_ .-])(class|label|type|kind|category|group|cluster|species|grade|diagnosis|segment|code)$/i;

/** Two numbers: two classes. Codes 0..k-1 or 1..k with k at most 10, and few integers under a name of kinds: classes, but maybe not. Else regression. */
function numericTask(facts: NumericFacts, present: number, name: string): { task: Task; unclear: boolean } {
  const { distinct, integers, min, max } = facts;
  if (distinct === 2 && (integers || present > 4)) return { task: 'binary', unclear: false };
  if (!integers || distinct > 10) return { task: 'regression', unclear: false };
  const many = present >= 5 * distinct;
  const codes = many && (((min === 0 || min === 1) && max - min + 1 === distinct) || kindNames.test(name));
  return { task: codes ? 'multiclass' : 'regression', unclear: many };
}

/** Names of targets, in the order in which they count. */
const targetNames = ['target', 'label', 'labels', 'class', 'y', 'outcome', 'response', 'output', 'result'];
const longestTargetName = 8;
/** What people predict in data that many know: a whole name, or the last word of one. */
const predictedNames: ReadonlySet<string> = new Set([
  ...['survived', 'diagnosis', 'species', 'churn', 'churned', 'exited', 'attrition', 'fraud', 'default', 'defaulted'],
  ...[
    'price',
    'saleprice',
    'medv',
    'mpg',
    'quality',
    'income',
    'charges',
    'salary',
    'yield',
    'value',
    'score',
    'rating',
    'grade',
  ],
  ...[
    'approved',
    'passed',
    'bought',
    'purchased',
    'deposit',
    'readmitted',
    'spam',
    'cancelled',
    'sales',
    'demand',
    'strength',
  ],
]);

/**
 * The column a person most likely wants to predict: one called target, label, class, y, ... (or target_...), one called by what is often predicted, else
 * the last one that can be a target and is no date.
 */
export function inferTarget(profiles: readonly ColumnProfile[]): ColumnProfile | undefined {
  const usable = profiles.filter((profile) => profile.task !== null && !profile.idLike && !profile.date);
  const called = new Map<string, ColumnProfile>();
  for (const profile of usable) {
    const { name } = profile.column;
    if (name.length <= longestTargetName && !called.has(name.toLowerCase())) called.set(name.toLowerCase(), profile);
  }
  for (const name of targetNames) {
    const found = called.get(name);
    if (found !== undefined) return found;
  }
  const prefixed = usable.filter((profile) => /^(target|label|class)[_ .-]/i.test(profile.column.name));
  if (prefixed.length > 0) return prefixed.at(-1);
  const last = usable.at(-1);
  const predicted = usable.filter(({ column }) => {
    const words = wordsOf(column.name).split(' ');
    return predictedNames.has(words.join('')) || predictedNames.has(words[words.length - 1]);
  });
  if (predicted.length > 0) return predicted.at(-1);
  return last ?? profiles.filter((profile) => profile.task !== null).at(-1);
}

/** Profiles of all columns of a table; `poll` is called between columns. A row counter is only taken for an identifier while other features remain. */
export function profileTable(table: Table, poll: () => void = () => undefined): ColumnProfile[] {
  const profiles = table.columns.map((column) => {
    poll();
    return profileColumn(column, table.rows);
  });
  const target = inferTarget(profiles);
  const features = profiles.filter((profile) => profile.suggested && profile !== target);
  if (features.length > 0) return profiles;
  return profiles.map((profile) =>
    profile.idLike && profile.column.texts === 0 ? { ...profile, kind: 'numeric', suggested: true } : profile,
  );
}
