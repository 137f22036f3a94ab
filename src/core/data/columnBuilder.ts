import { parseNumber, plainNumber, type DecimalMark } from './cells.ts';
import { dateForm, type DateForm, daysOfCompact } from './dateForms.ts';
import { markerOf, missingAmongTexts } from './markers.ts';
import { numberForm } from './numberForms.ts';
import { oddShare, ownMarkers, sameSpellings } from './spellings.ts';
import { ownText, TextHashes } from './textHashes.ts';
import { cellCode, type Column, type ColumnNotes, type ColumnType, dictionaryLimit } from './table.ts';

/** Columns with a smaller share of dates among their values are not columns of dates. */
const dateShare = 0.9;
/** Numbers that are tried as dates such as 20190131 before all are. */
const compactTried = 100;
/** More different codes with leading zeros are no classes. */
const mostCodes = 20;
const rowsListed = 5;
const howListed = 8;

export interface BuilderOptions {
  readonly decimal: DecimalMark;
  /** Texts that are missing values besides the usual ones. */
  readonly na?: ReadonlySet<string>;
  readonly type?: ColumnType;
  readonly unnamed?: boolean;
  /** Rows to have room for at once. */
  readonly room?: number;
}

/**
 * Grows column by column while rows come in; cells may also be overwritten (reservoir sampling). What a cell is depends on its column, so each
 * text is kept with the number and the dates that it could stand for until all are there.
 */
export class ColumnBuilder {
  /** Of a text: the number that it can be read as, else NaN. */
  private numbers: Float64Array;
  private dates: Float64Array | null = null;
  private monthFirst: Float64Array | null = null;
  private codes: Int32Array | null = null;
  private dictionary: string[] = [];
  /** Index of each text of the dictionary; none while there is no text, as files may have very many columns. */
  private lookup: Map<string, number> | undefined;
  private overflow = false;
  private leadingZeros = false;
  /** Length of all cells that are numbers; 0 where they differ, -1 before the first. */
  private width = -1;
  private tooLong = false;
  private units: Set<string> | undefined;
  private how: Set<string> | undefined;
  /** Marks of missing values that only this column has. */
  private own: ReadonlySet<string> | undefined;
  private readonly decimal: DecimalMark;
  private readonly point: number;
  /** The text of a number matters: numbers are marks of missing values, or classes. */
  private readonly numbersAreNoted: boolean;
  private spans: TextHashes | undefined;
  /** By text of the dictionary: the number and the dates that it could stand for. */
  private readonly known: { value: number; dayFirst: number; monthFirst: number }[] = [];

  constructor(
    readonly name: string,
    readonly index: number,
    private readonly options: BuilderOptions,
  ) {
    this.numbers = new Float64Array(options.room ?? 1024);
    this.decimal = options.decimal;
    this.point = options.decimal.charCodeAt(0);
    const marks = [...(options.na ?? [])].some((text) => !Number.isNaN(parseNumber(text, options.decimal)));
    this.numbersAreNoted = marks || options.type === 'classes';
  }

  /** As `set`, for the cell between two positions of a text: no text of its own where it is a plain number, or was there before. */
  span(row: number, text: string, codes: Uint8Array, from: number, to: number): void {
    while (from < to && isSpace(codes[from])) from++;
    while (to > from && isSpace(codes[to - 1])) to--;
    const value = plainNumber(text, codes, from, to, this.point);
    if (value !== value || this.numbersAreNoted) return this.textSpan(row, text, codes, from, to);
    if (row >= this.numbers.length) this.grow();
    if (to > from + 1 && codes[from] === 48) this.noteZeros(codes[from + 1]);
    this.noteWidth(to - from);
    this.numbers[row] = value;
    if (this.codes !== null) this.codes[row] = cellCode.numeric;
    if (this.dates !== null) this.dates[row] = this.monthFirst![row] = NaN;
  }

  private textSpan(row: number, text: string, codes: Uint8Array, from: number, to: number): void {
    const known = this.options.na === undefined ? (this.spans?.find(codes, from, to, this.dictionary) ?? -1) : -1;
    if (known >= 0) {
      if (row >= this.numbers.length) this.grow();
      return this.again(row, known);
    }
    const before = this.dictionary.length;
    this.set(row, text.slice(from, to));
    if (this.dictionary.length > before) (this.spans ??= new TextHashes()).add(before, this.dictionary);
  }

  private noteWidth(length: number): void {
    if (this.width !== length) this.width = this.width < 0 ? length : 0;
  }

  /** Codes such as 007: digits after a zero in front. */
  private noteZeros(second: number): void {
    if (second >= 48 && second <= 57) this.leadingZeros = true;
  }

  /**
   * Makes integers texts of `width` digits again where they are few codes of that width, such as 007 and 120; answers whether it did. (`width` is the
   * length of all cells of the column, 0 where they differ.)
   */
  private settleCodes(numbers: Float64Array, codes: Int32Array | null, rows: number): Int32Array | null {
    const { width } = this;
    if (!this.leadingZeros || width < 2 || this.options.type !== undefined) return null;
    if (!this.dictionary.every((text) => markerOf(text) !== undefined)) return null;
    const seen = new Set<number>();
    for (let row = 0; row < rows; row++) {
      if (codes !== null && codes[row] !== cellCode.numeric) continue;
      if (!Number.isInteger(numbers[row]) || numbers[row] < 0) return null;
      seen.add(numbers[row]);
      if (seen.size > mostCodes) return null;
    }
    const out = codes ?? new Int32Array(rows).fill(cellCode.numeric);
    for (let row = 0; row < rows; row++) {
      if (out[row] !== cellCode.numeric) continue;
      out[row] = this.code(String(numbers[row]).padStart(width, '0'));
      numbers[row] = NaN;
    }
    return out;
  }

  set(row: number, raw: string): void {
    if (row >= this.numbers.length) this.grow();
    const first = raw.charCodeAt(0);
    const cell = first <= 32 || first > 127 || raw.charCodeAt(raw.length - 1) <= 32 ? raw.trim() : raw;
    if (this.dates !== null) this.dates[row] = this.monthFirst![row] = NaN;
    const { na, type } = this.options;
    if (na?.has(cell) === true) return this.put(row, NaN, cellCode.missing);
    if (type === 'classes') return this.put(row, NaN, cell === '' ? cellCode.missing : this.code(cell));
    const code = this.lookup?.get(cell);
    if (code !== undefined) return this.again(row, code);
    const value = parseNumber(cell, this.decimal);
    if (value - value === 0) {
      if (first === 48 && cell.length > 1) this.noteZeros(cell.charCodeAt(1));
      // an integer that a number cannot hold as it is written is a name
      if (cell.length > 15 && !Number.isSafeInteger(value) && wholeDigits.test(cell) && String(value) !== cell) {
        this.tooLong = true;
        return this.put(row, NaN, this.code(cell));
      }
      this.noteWidth(cell.length);
      this.numbers[row] = value;
      if (this.codes !== null) this.codes[row] = cellCode.numeric;
      return;
    }
    if (cell === '') return this.put(row, NaN, cellCode.missing);
    if (value === Infinity || value === -Infinity) {
      // a word of its own among texts
      return this.put(row, NaN, isInfinite(cell) ? this.code(cell) : cellCode.notFinite);
    }
    this.text(row, cell);
  }

  /** Whether a cell with this text came before. */
  has(text: string): boolean {
    return this.lookup?.has(text) ?? false;
  }

  finish(rows: number): { readonly column: Column; readonly notes: ColumnNotes } {
    let { numbers, codes } = this;
    numbers = numbers.slice(0, rows);
    codes = codes?.slice(0, rows) ?? null;
    const kept: string[] = [];
    const gaps: string[] = [];
    let odd: ColumnNotes['odd'] = null;
    let read = false;
    let folded = false;
    if (this.tooLong && codes !== null && this.options.type !== 'number') {
      for (let row = 0; row < rows; row++) {
        if (codes[row] !== cellCode.numeric) continue;
        codes[row] = this.code(String(numbers[row]));
        numbers[row] = NaN;
      }
    }
    const settled = this.settleCodes(numbers, codes, rows);
    codes = settled ?? codes;
    const { dates, open, dayFirst } = this.chosenDates(numbers, codes, rows);
    if (codes !== null) {
      const own = this.findMarkers(numbers, codes, dates);
      gaps.push(...own);
      const counts = this.count(numbers, codes, dates);
      const isDates = dates !== null && counts.dates >= dateShare * counts.present;
      const isNumbers = !isDates && this.isNumbers(counts);
      if (isDates || isNumbers) {
        const values = isDates ? dates : numbers;
        odd = this.fillNumeric(numbers, codes, values, counts, isDates);
        read = isNumbers && counts.formed > 0;
      } else {
        folded = this.settleTexts(numbers, codes, counts.numbers > 0.5 * counts.present, kept, gaps);
      }
    }
    const tally = { texts: 0, missing: 0, notFinite: 0 };
    if (codes !== null) {
      for (const code of codes) {
        if (code >= 0 || code === cellCode.overflow) tally.texts++;
        else if (code === cellCode.missing) tally.missing++;
        else if (code === cellCode.notFinite) tally.notFinite++;
      }
    }
    return {
      column: {
        name: this.name,
        index: this.index,
        numbers,
        dates,
        codes: tally.texts + tally.missing + tally.notFinite === 0 ? null : codes,
        dictionary: codes === null ? [] : this.compact(codes),
        ...tally,
        overflow: this.overflow && tally.texts > 0,
        ...(this.options.unnamed === true ? { unnamed: true } : {}),
        ...(this.leadingZeros ? { leadingZeros: true } : {}),
        ...(open ? { dateOrderOpen: true } : {}),
        ...(dayFirst === undefined ? {} : { dayFirst }),
        ...(this.own === undefined ? {} : { markers: [...this.own] }),
      },
      notes: {
        odd,
        how: read ? [...(this.how ?? [])] : [],
        kept,
        gaps,
        folded,
        tooLong: this.tooLong,
        padded: settled !== null,
      },
    };
  }

  private put(row: number, value: number, code: number): void {
    this.numbers[row] = value;
    this.codes ??= new Int32Array(this.numbers.length).fill(cellCode.numeric);
    this.codes[row] = code;
  }

  /** A text that came before. */
  private again(row: number, code: number): void {
    const known = this.known[code];
    this.put(row, known.value, code);
    if (this.dates === null) return;
    this.dates[row] = known.dayFirst;
    this.monthFirst![row] = known.monthFirst;
  }

  private text(row: number, cell: string): void {
    const form = numberForm(cell, this.decimal);
    if (form !== undefined) {
      this.units ??= new Set();
      this.how ??= new Set();
      if (this.units.size < 3 && form.unit !== '') this.units.add(form.unit);
      if (this.how.size < howListed) this.how.add(form.how);
    }
    const date = dateForm(cell);
    this.put(row, form?.value ?? NaN, this.code(cell, form?.value, date));
    if (date === undefined) return;
    if (this.dates === null) {
      this.dates = new Float64Array(this.numbers.length).fill(NaN);
      this.monthFirst = new Float64Array(this.numbers.length).fill(NaN);
    }
    this.dates[row] = date.dayFirst;
    this.monthFirst![row] = date.monthFirst;
  }

  /** The dates under the order of day and month that fits more cells; whether both fit all of them, with different days. */
  private chosenDates(
    numbers: Float64Array,
    codes: Int32Array | null,
    rows: number,
  ): { dates: Float64Array | null; open: boolean; dayFirst?: boolean } {
    const { type } = this.options;
    if (this.dates === null) {
      if (type === 'number' || type === 'classes' || rows < 5) return { dates: null, open: false };
      let count = 0;
      let present = 0;
      // most columns of numbers show at once that they hold no dates
      for (let i = 0; i < rows && present < compactTried; i++) {
        if (codes !== null && codes[i] !== cellCode.numeric) continue;
        present++;
        if (!Number.isNaN(daysOfCompact(numbers[i]))) count++;
      }
      if (count === 0 || 2 * count < present) return { dates: null, open: false };
      [count, present] = [0, 0];
      const compact = Float64Array.from(numbers, daysOfCompact);
      for (let i = 0; i < rows; i++) {
        if (!Number.isNaN(compact[i])) count++;
        if (codes === null || codes[i] === cellCode.numeric) present++;
      }
      return { dates: count > 0 && count >= dateShare * present ? compact : null, open: false };
    }
    const day = this.dates.slice(0, rows);
    const month = this.monthFirst!.slice(0, rows);
    let onlyDay = 0;
    let onlyMonth = 0;
    let differ = 0;
    for (let i = 0; i < rows; i++) {
      if (Number.isNaN(day[i]) !== Number.isNaN(month[i])) {
        if (Number.isNaN(day[i])) onlyMonth++;
        else onlyDay++;
      } else if (day[i] !== month[i] && !Number.isNaN(day[i])) differ++;
    }
    if (type === 'date-month-first' || (type !== 'date-day-first' && onlyMonth > onlyDay))
      return { dates: month, open: false, dayFirst: false };
    // dates with points are written day first
    const pointed = this.dictionary
      .slice(0, 50)
      .every((text) => markerOf(text) !== undefined || /^\d{1,2}\.\d{1,2}\./.test(text));
    const open = type !== 'date-day-first' && onlyDay === 0 && differ > 0 && !pointed;
    return { dates: day, open, ...(!open && onlyDay + differ > 0 ? { dayFirst: true } : {}) };
  }

  /** Marks of missing values that only this column has. */
  private findMarkers(numbers: Float64Array, codes: Int32Array, dates: Float64Array | null): readonly string[] {
    if (this.options.type === 'classes') return [];
    const marker = this.markers();
    const odd = new Map<string, number>();
    const values = new Set<number>();
    let present = 0;
    for (let row = 0; row < codes.length && odd.size <= 10; row++) {
      const code = codes[row];
      if (code === cellCode.missing || code === cellCode.notFinite || (code >= 0 && marker[code])) continue;
      present++;
      const value = dates !== null && !Number.isNaN(dates[row]) ? dates[row] : numbers[row];
      if (!Number.isNaN(value)) {
        if (values.size <= 1000) values.add(value);
      } else {
        const text = code >= 0 ? this.dictionary[code] : '';
        odd.set(text, (odd.get(text) ?? 0) + 1);
      }
    }
    const found = ownMarkers(odd, { values: values.size, present, dates: dates !== null });
    if (found.length > 0) this.own = new Set(found);
    return found;
  }

  /** By text: it is a marker of missing values, or infinite, where the column is one of numbers or dates. */
  private markers(): boolean[] {
    return this.dictionary.map(
      (text) => markerOf(text) !== undefined || isInfinite(text) || this.own?.has(text) === true,
    );
  }

  private count(numbers: Float64Array, codes: Int32Array, dates: Float64Array | null): Counts {
    const counts = { numbers: 0, formed: 0, dates: 0, odd: 0, present: 0 };
    const marker = this.markers();
    codes.forEach((code, row) => {
      if (code === cellCode.missing || code === cellCode.notFinite || (code >= 0 && marker[code])) return;
      counts.present++;
      const isDate = dates !== null && !Number.isNaN(dates[row]);
      if (isDate) counts.dates++;
      if (code === cellCode.numeric) counts.numbers++;
      else if (!Number.isNaN(numbers[row])) counts.formed++;
      else if (!isDate) counts.odd++;
    });
    return counts;
  }

  private isNumbers({ numbers, formed, present, odd, dates }: Counts): boolean {
    if (numbers + formed === 0) return false;
    if (this.options.type === 'number') return true;
    // quantities of different kinds are no one column of numbers
    if (formed > 0 && severalUnits(this.units)) return numbers >= (1 - oddShare) * present;
    return odd + dates <= oddShare * present;
  }

  /** Numbers and dates stay, markers and odd cells become missing; too many odd ones stay texts and are an error where the column is used. */
  private fillNumeric(
    numbers: Float64Array,
    codes: Int32Array,
    values: Float64Array,
    { present }: Counts,
    dates: boolean,
  ): ColumnNotes['odd'] {
    const marker = this.markers();
    const mixed = severalUnits(this.units) && this.options.type !== 'number';
    const odd: number[] = [];
    let count = 0;
    codes.forEach((code, row) => {
      const isText = code >= 0 || code === cellCode.overflow;
      const isNumber = !Number.isNaN(values[row]) && !(mixed && !dates && isText);
      if (!isText) {
        if (dates && code === cellCode.numeric && !isNumber) odd.push(row);
        return;
      }
      if (isNumber) {
        if (!dates) codes[row] = cellCode.numeric;
      } else if (code >= 0 && marker[code])
        codes[row] = isInfinite(this.dictionary[code]) ? cellCode.notFinite : cellCode.missing;
      else odd.push(row);
    });
    count = odd.length;
    if (count === 0) return null;
    const text = codes[odd[0]] >= 0 ? this.dictionary[codes[odd[0]]] : String(numbers[odd[0]]);
    if (count > oddShare * present) {
      for (const row of odd) if (!dates && codes[row] !== cellCode.numeric) numbers[row] = NaN;
      return null;
    }
    for (const row of odd) {
      codes[row] = cellCode.missing;
      numbers[row] = NaN;
    }
    return { count, rows: odd.slice(0, rowsListed), text };
  }

  /** Decides which markers are missing among texts, and puts spellings together; answers whether it did. */
  private settleTexts(
    numbers: Float64Array,
    codes: Int32Array,
    mostlyNumbers: boolean,
    kept: string[],
    gaps: string[],
  ): boolean {
    const { dictionary } = this;
    const used = new Uint8Array(dictionary.length);
    for (const code of codes) if (code >= 0) used[code] = 1;
    const others = dictionary.slice(0, 1000).filter((text, k) => used[k] === 1 && markerOf(text) === undefined);
    const forced = this.options.type === 'classes';
    const missing = dictionary.map((text, k) => {
      const marker = markerOf(text);
      if (used[k] === 0 || marker === undefined || forced) return false;
      const gone = mostlyNumbers || missingAmongTexts(text, others);
      (gone ? gaps : kept).push(text);
      return gone;
    });
    const target = sameSpellings(dictionary, used);
    codes.forEach((code, row) => {
      if (code >= 0 || code === cellCode.overflow) numbers[row] = NaN;
      if (code < 0) return;
      codes[row] = missing[code] ? cellCode.missing : (target?.[code] ?? code);
    });
    return target !== undefined;
  }

  /** The texts that are in use, in their order, and `codes` changed to match. */
  private compact(codes: Int32Array): string[] {
    const next = new Int32Array(this.dictionary.length).fill(-1);
    const used = new Uint8Array(this.dictionary.length);
    for (const code of codes) if (code >= 0) used[code] = 1;
    const texts: string[] = [];
    this.dictionary.forEach((text, k) => {
      if (used[k] === 1) next[k] = texts.push(text) - 1;
    });
    if (texts.length < this.dictionary.length) {
      for (let i = 0; i < codes.length; i++) if (codes[i] >= 0) codes[i] = next[codes[i]];
    }
    return texts;
  }

  private code(cell: string, value = NaN, date?: DateForm): number {
    const known = this.lookup?.get(cell);
    if (known !== undefined) return known;
    // markers are few and must be known as such however many texts there are
    if (this.dictionary.length >= dictionaryLimit && markerOf(cell) === undefined) {
      this.overflow = true;
      return cellCode.overflow;
    }
    // A slice of a chunk keeps the whole chunk alive; a round trip through a copy does not.
    const copy = ownText(cell);
    this.dictionary.push(copy);
    this.known.push(date === undefined ? { value, ...noDate } : { value, ...date });
    (this.lookup ??= new Map()).set(copy, this.dictionary.length - 1);
    return this.dictionary.length - 1;
  }

  private grow(): void {
    const size = this.numbers.length * 2;
    const larger = (from: Float64Array, fill: number): Float64Array => {
      const to = new Float64Array(size);
      if (fill !== 0) to.fill(fill, from.length);
      to.set(from);
      return to;
    };
    this.numbers = larger(this.numbers, 0);
    if (this.dates !== null) {
      this.dates = larger(this.dates, NaN);
      this.monthFirst = larger(this.monthFirst!, NaN);
    }
    if (this.codes !== null) {
      const codes = new Int32Array(size).fill(cellCode.numeric);
      codes.set(this.codes);
      this.codes = codes;
    }
  }
}

type Counts = Readonly<Record<'numbers' | 'formed' | 'dates' | 'odd' | 'present', number>>;

const isSpace = (code: number): boolean => code <= 32 && (code === 32 || (code >= 9 && code <= 13));
const severalUnits = (units: ReadonlySet<string> | undefined): boolean => (units?.size ?? 0) > 1;
const isInfinite = (text: string): boolean => /^[+-]?inf(inity)?$/i.test(text);
const noDate: DateForm = { dayFirst: NaN, monthFirst: NaN };
const wholeDigits = /^[+-]?\d+$/;
