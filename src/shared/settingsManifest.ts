import { configurationSection } from './manifest.ts';
import { flatSettings, type Kind, type Setting, type SettingTable } from './settingKinds.ts';
import { editorTable, trainingTable } from './settings.ts';

/** Values as JSON schema says them, with the keys of the sentences of choices in package.nls.json. */
function valuesOf(type: Kind, key: string): Readonly<Record<string, unknown>> {
  switch (type.kind) {
    case 'count':
      return { type: 'integer', minimum: type.least, maximum: type.most };
    case 'range':
      return { type: 'number', minimum: type.least, maximum: type.most };
    case 'positive':
      return { type: 'number', exclusiveMinimum: 0, maximum: type.most };
    case 'flag':
      return { type: 'boolean' };
    case 'choice':
      return {
        type: 'string',
        enum: type.values,
        markdownEnumDescriptions: type.values.map((value) => `%config.${key}.${value}%`),
      };
    case 'choices':
      return { type: 'array', items: { type: 'string', enum: type.values }, uniqueItems: true };
    case 'counts':
    case 'delimiter':
    case 'text':
    case 'texts':
    case 'choice-by-name':
    case 'positive-by-name':
      throw new Error(`the editor has no form for ${key}, a setting of kind ${type.kind}`);
  }
}

function propertiesOf(
  table: SettingTable,
  scope: 'resource' | 'window',
): [string, Readonly<Record<string, unknown>>][] {
  return flatSettings(table)
    .filter(([, { perFile }]: readonly [string, Setting<unknown>]) => !perFile)
    .map(([key, { type, fallback }]) => [
      `${configurationSection}.${key}`,
      { ...valuesOf(type, key), default: fallback, scope, markdownDescription: `%config.${key}%` },
    ]);
}

/** `contributes.configuration.properties` of package.json, which `npm run settings` writes. */
export function configurationProperties(): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  const properties = [...propertiesOf(trainingTable, 'resource'), ...propertiesOf(editorTable, 'window')];
  return Object.fromEntries(properties.map(([name, property], order) => [name, { order, ...property }]));
}
