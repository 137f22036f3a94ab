/** The values that a setting takes: plain data, from which its schema, its declaration in package.json and its words on the command line derive. */
export type Kind =
  | { readonly kind: 'count'; readonly least: number; readonly most: number }
  | { readonly kind: 'range'; readonly least: number; readonly most: number }
  | { readonly kind: 'positive'; readonly most: number }
  | { readonly kind: 'flag' }
  | { readonly kind: 'choice'; readonly values: readonly string[] }
  /** Some of the values, at least so many. */
  | { readonly kind: 'choices'; readonly values: readonly string[]; readonly least: 0 | 1 }
  /** One to `longest` whole numbers. */
  | { readonly kind: 'counts'; readonly least: number; readonly most: number; readonly longest: number }
  /** One character that can stand between cells. */
  | { readonly kind: 'delimiter' }
  | { readonly kind: 'text'; readonly least: number; readonly most: number }
  /** Up to `most` texts of up to `longest` characters. */
  | { readonly kind: 'texts'; readonly longest: number; readonly most: number }
  /** One of the values by name. */
  | { readonly kind: 'choice-by-name'; readonly values: readonly string[] }
  /** Numbers above 0 by name. */
  | { readonly kind: 'positive-by-name'; readonly most: number };

/** Parts of the help. */
export type HelpPart = 'data' | 'network' | 'effort';

/** A setting on the command line. */
export interface SettingOption {
  /** Without the dashes. */
  readonly name: string;
  readonly part: HelpPart;
  /** What the help calls the value; flags and choices do without. */
  readonly argument?: string;
  /** One sentence of the help; values and default follow by themselves. */
  readonly help: string;
  /** Other spellings of values. */
  readonly spellings?: Readonly<Record<string, string>>;
  /** The option may be repeated, and holds one text at a time (else commas part texts). */
  readonly whole?: true;
}

interface More<V> {
  /** The default. */
  readonly fallback?: V;
  /** May be missing: nobody has to choose, or records of earlier runs do not have it. */
  readonly optional?: true;
  /** It has no default in the editor: it is asked for each file, or belongs to one. */
  readonly perFile?: true;
  /** A folder that is not trusted has no say in it: it is about how much memory, time or disk is used, or about what an exported file may do. */
  readonly trusted?: true;
  readonly option?: SettingOption;
}

/** One setting with values of type V. */
export interface Setting<V, Optional extends boolean = boolean> {
  readonly type: Kind;
  readonly fallback: V | undefined;
  readonly optional: Optional;
  readonly perFile: boolean;
  readonly trusted: boolean;
  readonly option: SettingOption | undefined;
}

/** Settings under one name. */
export interface SettingGroup<R = unknown, Optional extends boolean = boolean> {
  readonly group: R;
  readonly optional: Optional;
}

type Optional<M> = M extends { readonly optional: true } ? true : false;

/** The values that a setting, or the settings of a group, have. */
export type ValueOf<S> = S extends SettingGroup<infer R> ? ValuesOf<R> : S extends Setting<infer V> ? V : never;

/** The record that a table of settings describes. */
export type ValuesOf<R> = {
  readonly [K in keyof R as R[K] extends { readonly optional: true } ? never : K]: ValueOf<R[K]>;
} & {
  readonly [K in keyof R as R[K] extends { readonly optional: true } ? K : never]?: ValueOf<R[K]>;
};

function setting<V, M extends More<V>>(type: Kind, more: M): Setting<V, Optional<M>> {
  return {
    type,
    fallback: more.fallback,
    optional: (more.optional === true) as Optional<M>,
    perFile: more.perFile === true,
    trusted: more.trusted === true,
    option: more.option,
  };
}

/** Whole numbers. */
export function count<const M extends More<number>>(
  least: number,
  most: number,
  more: M,
): Setting<number, Optional<M>> {
  return setting<number, M>({ kind: 'count', least, most }, more);
}

/** Numbers from `least` to `most`. */
export function range<const M extends More<number>>(
  least: number,
  most: number,
  more: M,
): Setting<number, Optional<M>> {
  return setting<number, M>({ kind: 'range', least, most }, more);
}

/** Numbers above 0. */
export function positive<const M extends More<number>>(most: number, more: M): Setting<number, Optional<M>> {
  return setting<number, M>({ kind: 'positive', most }, more);
}

export function flag<const M extends More<boolean>>(more: M): Setting<boolean, Optional<M>> {
  return setting<boolean, M>({ kind: 'flag' }, more);
}

export function choice<const V extends string, const M extends More<NoInfer<V>>>(
  values: readonly V[],
  more: M,
): Setting<V, Optional<M>> {
  return setting<V, M>({ kind: 'choice', values }, more);
}

export function choices<
  const V extends string,
  const M extends More<readonly NoInfer<V>[]> & { readonly least?: 0 | 1 },
>(values: readonly V[], more: M): Setting<readonly V[], Optional<M>> {
  return setting<readonly V[], M>({ kind: 'choices', values, least: more.least ?? 0 }, more);
}

/** Up to `longest` whole numbers. */
export function counts<const M extends More<readonly number[]>>(
  least: number,
  most: number,
  longest: number,
  more: M,
): Setting<readonly number[], Optional<M>> {
  return setting<readonly number[], M>({ kind: 'counts', least, most, longest }, more);
}

export function delimiter<const M extends More<string>>(more: M): Setting<string, Optional<M>> {
  return setting<string, M>({ kind: 'delimiter' }, more);
}

export function text<const M extends More<string>>(least: number, most: number, more: M): Setting<string, Optional<M>> {
  return setting<string, M>({ kind: 'text', least, most }, more);
}

export function texts<const M extends More<readonly string[]>>(
  longest: number,
  most: number,
  more: M,
): Setting<readonly string[], Optional<M>> {
  return setting<readonly string[], M>({ kind: 'texts', longest, most }, more);
}

export function choiceByName<const V extends string, const M extends More<Readonly<Record<string, NoInfer<V>>>>>(
  values: readonly V[],
  more: M,
): Setting<Readonly<Record<string, V>>, Optional<M>> {
  return setting<Readonly<Record<string, V>>, M>({ kind: 'choice-by-name', values }, more);
}

export function positiveByName<const M extends More<Readonly<Record<string, number>>>>(
  most: number,
  more: M,
): Setting<Readonly<Record<string, number>>, Optional<M>> {
  return setting<Readonly<Record<string, number>>, M>({ kind: 'positive-by-name', most }, more);
}

export function group<const R, const O extends boolean = false>(
  settings: R,
  optional: O = false as O,
): SettingGroup<R, O> {
  return { group: settings, optional };
}

/** What the values of a choice are called where people write them. */
export function spelledValues(values: readonly string[], option: SettingOption | undefined): readonly string[] {
  const names = Object.entries(option?.spellings ?? {});
  return values.map((value) => names.find(([, meant]) => meant === value)?.[0] ?? value);
}

/** A table as the functions below walk it. */
export interface SettingTable {
  readonly [name: string]: Setting<unknown> | SettingGroup<SettingTable>;
}

export function isGroup(entry: SettingTable[string]): entry is SettingGroup<SettingTable> {
  return 'group' in entry;
}

/** The settings of a table by their dotted names ("path.points"), in its order. */
export function flatSettings(table: SettingTable, prefix = ''): readonly (readonly [string, Setting<unknown>])[] {
  return Object.entries(table).flatMap(([name, entry]) =>
    isGroup(entry) ? flatSettings(entry.group, `${prefix}${name}.`) : [[prefix + name, entry] as const],
  );
}

/** The record of all defaults; a group without any is left out. */
export function fallbacksOf(table: SettingTable): Readonly<Record<string, unknown>> {
  const entries = Object.entries(table).map(([name, entry]): [string, unknown] => {
    if (!isGroup(entry)) return [name, entry.fallback];
    const inner = fallbacksOf(entry.group);
    return [name, Object.keys(inner).length === 0 ? undefined : inner];
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** What a record holds under a dotted name. */
export function fieldOf(values: object, name: string): unknown {
  return name
    .split('.')
    .reduce<unknown>((value, key) => (value as Readonly<Record<string, unknown>> | undefined)?.[key], values);
}

/** A copy of a record with another value under a dotted name. */
export function withField(values: object, name: string, value: unknown): Record<string, unknown> {
  const [outer, ...inner] = name.split('.');
  const all = values as Readonly<Record<string, unknown>>;
  if (inner.length === 0) return { ...all, [outer]: value };
  return { ...all, [outer]: withField((all[outer] as object | undefined) ?? {}, inner.join('.'), value) };
}

/** The least and the most that a setting of numbers can be; `least` is missing for those that only have to be above 0. */
export function boundsOf({ type }: Setting<number>): { readonly least?: number; readonly most: number } {
  switch (type.kind) {
    case 'count':
    case 'range':
    case 'positive':
      return type;
    case 'flag':
    case 'choice':
    case 'choices':
    case 'counts':
    case 'delimiter':
    case 'text':
    case 'texts':
    case 'choice-by-name':
    case 'positive-by-name':
      throw new Error(`settings of kind ${type.kind} have no bounds`);
  }
}

/** What a text stands for as a value of a kind, commas between the parts of lists; not yet checked, NaN where it is no number. */
export function valueOfText(type: Kind, given: string): unknown {
  const parts = given
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  switch (type.kind) {
    case 'count':
    case 'range':
    case 'positive':
      return given.trim() === '' ? NaN : Number(given);
    case 'counts':
      return parts.map(Number);
    case 'choices':
    case 'texts':
      return parts;
    case 'flag':
      return given === 'true' ? true : given === 'false' ? false : given;
    case 'choice':
    case 'text':
      return given.trim();
    case 'delimiter':
      return given;
    case 'choice-by-name':
    case 'positive-by-name':
      throw new Error(`settings of kind ${type.kind} have no text`);
  }
}
