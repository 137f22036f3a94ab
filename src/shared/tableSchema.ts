import * as v from 'valibot';
import { isGroup, type Kind, type SettingTable, type ValueOf } from './settingKinds.ts';

function schemaOfKind(type: Kind): v.GenericSchema {
  switch (type.kind) {
    case 'count':
      return v.pipe(v.number(), v.integer(), v.minValue(type.least), v.maxValue(type.most));
    case 'range':
      return v.pipe(v.number(), v.finite(), v.minValue(type.least), v.maxValue(type.most));
    case 'positive':
      return v.pipe(v.number(), v.finite(), v.gtValue(0), v.maxValue(type.most));
    case 'flag':
      return v.boolean();
    case 'choice':
      return v.picklist(type.values);
    case 'choices':
      return type.least === 0
        ? v.pipe(v.array(v.picklist(type.values)), v.maxLength(type.values.length))
        : v.pipe(
            v.array(v.picklist(type.values)),
            v.minLength(type.least, 'choose at least one'),
            v.maxLength(type.values.length),
          );
    case 'counts':
      return v.pipe(
        v.array(v.pipe(v.number(), v.integer(), v.minValue(type.least), v.maxValue(type.most))),
        v.minLength(1),
        v.maxLength(type.longest),
      );
    case 'delimiter':
      return v.pipe(
        v.string(),
        v.check(
          (text) => [...text].length === 1 && text !== '\n' && text !== '"',
          'the delimiter is one character, or tab or space',
        ),
      );
    case 'text':
      return v.pipe(v.string(), v.minLength(type.least), v.maxLength(type.most));
    case 'texts':
      return v.pipe(v.array(v.pipe(v.string(), v.maxLength(type.longest))), v.maxLength(type.most));
    case 'choice-by-name':
      return v.record(v.pipe(v.string(), v.maxLength(10_000)), v.picklist(type.values));
    case 'positive-by-name':
      return v.record(
        v.pipe(v.string(), v.maxLength(10_000)),
        v.pipe(v.number(), v.finite(), v.gtValue(0), v.maxValue(type.most)),
      );
  }
}

function schemaOf(entry: SettingTable[string]): v.GenericSchema {
  const schema = isGroup(entry) ? v.object(entriesOf(entry.group)) : schemaOfKind(entry.type);
  return entry.optional ? v.optional(schema) : schema;
}

function entriesOf(table: SettingTable): Record<string, v.GenericSchema> {
  return Object.fromEntries(Object.entries(table).map(([name, entry]) => [name, schemaOf(entry)]));
}

type Entries<T> = {
  readonly [K in keyof T]: T[K] extends { readonly optional: true }
    ? v.OptionalSchema<v.GenericSchema<ValueOf<T[K]>>, undefined>
    : v.GenericSchema<ValueOf<T[K]>>;
};

/** The schema of a table of settings: what its records have to be. */
export function tableSchema<T extends SettingTable>(table: T): v.ObjectSchema<Entries<T>, undefined> {
  return v.object(entriesOf(table)) as unknown as v.ObjectSchema<Entries<T>, undefined>;
}
