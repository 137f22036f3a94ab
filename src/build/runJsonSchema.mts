import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema';
import { runStructure, unbounded } from '../shared/runSchema.ts';

/** The schema at a path of fields, `*` for the entries of a list; undefined where the structure does not say more. */
function at(schema: JsonSchema, [field, ...rest]: readonly string[]): JsonSchema | undefined {
  if (field === undefined) return schema;
  const next = field === '*' ? schema.items : schema.properties?.[field];
  return typeof next === 'object' && !Array.isArray(next) ? at(next, rest) : undefined;
}

/** The shape of a run file as JSON Schema, from the one that files are checked by. */
export function runJsonSchema(): object {
  const schema = toJsonSchema(runStructure, {
    // JSON has finite numbers only; that sizes belong together is checked apart
    ignoreActions: ['finite', 'check'],
    // lists of numbers are checked in one loop of their own
    overrideSchema: ({ valibotSchema }) =>
      valibotSchema.type === 'custom' ? { type: 'array', items: { type: 'number' } } : undefined,
  });
  // what may be infinite is null in JSON
  for (const path of Object.keys(unbounded)) {
    const number = at(schema, path.split('.'));
    if (number !== undefined) number.type = ['number', 'null'];
  }
  return {
    ...schema,
    title: 'Run of Convex Network Explorer (*.convexrun.json)',
    description:
      'What was trained on what, what came out, and how far it is proven. Lists over rows follow the order of rows.line; there may be more fields. A number that is null stands for an infinite one.',
  };
}
