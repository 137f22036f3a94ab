import { configurationSection } from './manifest.ts';
import { flatSettings, type Kind, type Setting, type SettingTable, spelledValues } from './settingKinds.ts';
import { editorTable, trainingTable } from './settings.ts';

/** Values as JSON schema says them, with the keys of the sentences of choices in package.nls.json. */
function valuesOf({ type, option }: Setting<unknown>, key: string): Readonly<Record<string, unknown>> {
  switch (type.kind) {
    case 'count':
      return { type: 'integer', minimum: type.least, maximum: type.most };
    case 'range':
      return { type: 'number', minimum: type.least, maximum: type.most };
    case 'positive':
      return { type: 'number', exclusiveMinimum: 0, maximum: type.most };
    case 'flag':
      return { type: 'boolean' };
    case 'choice': {
      const names = spelledValues(type.values, option);
      return { type: 'string', enum: names, markdownEnumDescriptions: names.map((name) => `%config.${key}.${name}%`) };
    }
    case 'choices':
      return { type: 'array', items: { type: 'string', enum: type.values }, uniqueItems: true };
    case 'delimiter':
      return { type: 'string' };
    case 'text':
      return { type: 'string', maxLength: type.most };
    case 'texts':
      return { type: 'array', items: { type: 'string', maxLength: type.longest }, maxItems: type.most };
    case 'choice-by-name':
      return { type: 'object', additionalProperties: { type: 'string', enum: type.values } };
    case 'counts':
    case 'positive-by-name':
      return refused(type, key);
  }
}

function refused(type: Kind, key: string): never {
  throw new Error(`the editor has no form for ${key}, a setting of kind ${type.kind}`);
}

/** What is left to be found out is `null`. */
function optional(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { type, enum: names, markdownEnumDescriptions: words } = values;
  return {
    ...values,
    type: [type, 'null'],
    ...(Array.isArray(names) ? { enum: [...(names as string[]), null] } : {}),
    ...(Array.isArray(words) ? { markdownEnumDescriptions: [...(words as string[]), '%config.foundOut%'] } : {}),
  };
}

function propertiesOf(
  table: SettingTable,
  scope: 'resource' | 'window',
): [string, Readonly<Record<string, unknown>>][] {
  return flatSettings(table)
    .filter(([, { perFile }]: readonly [string, Setting<unknown>]) => !perFile)
    .map(([key, setting]) => {
      const values = valuesOf(setting, key);
      const form =
        setting.fallback === undefined
          ? { ...optional(values), default: null }
          : { ...values, default: setting.fallback };
      return [`${configurationSection}.${key}`, { ...form, scope, markdownDescription: `%config.${key}%` }];
    });
}

/** `contributes.configuration.properties` of package.json, which `npm run settings` writes. */
export function configurationProperties(): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  const properties = [...propertiesOf(trainingTable, 'resource'), ...propertiesOf(editorTable, 'window')];
  return Object.fromEntries(properties.map(([name, property], order) => [name, { order, ...property }]));
}

/** `capabilities.untrustedWorkspaces.restrictedConfigurations` of package.json, written as well: settings that a folder which is not trusted cannot set. */
export function restrictedConfigurations(): readonly string[] {
  return [...flatSettings(trainingTable), ...flatSettings(editorTable)]
    .filter(([, { perFile, trusted }]: readonly [string, Setting<unknown>]) => trusted && !perFile)
    .map(([key]) => `${configurationSection}.${key}`);
}
