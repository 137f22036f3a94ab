import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema';
import { trainSettingsSchema } from '../shared/settingsSchema.ts';
import { rangeSchema, studySchema } from '../study/studyFile.ts';

/** As an object with these properties and no need for any of them. */
interface ObjectSchema extends JsonSchema {
  readonly properties: Readonly<Record<string, JsonSchema>>;
}

/** Settings by dotted name. */
function flat({ properties }: ObjectSchema, prefix = ''): [string, JsonSchema][] {
  return Object.entries(properties).flatMap(([name, schema]): [string, JsonSchema][] =>
    schema.properties === undefined ? [[prefix + name, schema]] : flat(schema as ObjectSchema, `${prefix}${name}.`),
  );
}

/** A setting's groups, with nothing required. */
function loosened(schema: JsonSchema): JsonSchema {
  const { required, properties, ...rest } = schema;
  if (properties === undefined) return schema;
  void required;
  const inner = Object.entries(properties).map(([name, entry]) => [name, loosened(entry as JsonSchema)]);
  return { ...rest, properties: Object.fromEntries(inner) as JsonSchema['properties'], additionalProperties: false };
}

/** Checks that JSON schema has no words for are the program's alone. */
const of = (schema: Parameters<typeof toJsonSchema>[0]): JsonSchema => toJsonSchema(schema, { errorMode: 'ignore' });
const training = of(trainSettingsSchema) as ObjectSchema;
const number: JsonSchema = { type: 'number', exclusiveMinimum: 0 };
const betaOf = (value: JsonSchema): JsonSchema => ({
  anyOf: [
    { const: 'auto' },
    ...['relative', 'absolute'].map((kind): JsonSchema => {
      return { type: 'object', properties: { [kind]: value }, required: [kind], additionalProperties: false };
    }),
    loosened(training.properties.beta),
  ],
});

/** Some training settings by name, nested or dotted. */
export function settingsJsonSchema(): JsonSchema {
  return {
    type: 'object',
    properties: {
      ...Object.fromEntries(flat(training)),
      ...loosened(training).properties,
      beta: betaOf(number),
    },
    additionalProperties: false,
  };
}

/** The JSON schema of study files, with the names and bounds of all settings. */
export function studyJsonSchema(): JsonSchema {
  const study = of(studySchema) as ObjectSchema;
  const range: JsonSchema = { $ref: '#/$defs/range' };
  const oneOrMany = (value: JsonSchema): JsonSchema => ({ anyOf: [value, { type: 'array', items: value }, range] });
  const varied = flat(training).map(([name, schema]) => [name, { anyOf: [{ type: 'array', items: schema }, range] }]);
  const vary: JsonSchema = {
    type: 'object',
    properties: {
      ...(Object.fromEntries(varied) as JsonSchema['properties']),
      beta: { anyOf: [betaOf(oneOrMany(number)), { type: 'array', items: betaOf(oneOrMany(number)) }] },
    },
    additionalProperties: { type: 'object', additionalProperties: { $ref: '#/$defs/settings' } },
  };
  const data = study.properties.data;
  const entry = data.items as ObjectSchema;
  const settingsRef: JsonSchema = { $ref: '#/$defs/settings' };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'A study of Convex Network Explorer',
    ...study,
    properties: {
      ...study.properties,
      data: { ...data, items: { ...entry, properties: { ...entry.properties, settings: settingsRef } } },
      settings: settingsRef,
      vary,
    },
    $defs: { settings: settingsJsonSchema(), range: of(rangeSchema) },
  };
}
