import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema';
import { lessonSchema } from '../shared/lesson.ts';
import { settingsJsonSchema } from './studyJsonSchema.mts';

/** The JSON schema of lessons, with the names and bounds of all settings. */
export function lessonJsonSchema(): JsonSchema {
  // checks that JSON schema has no words for are the program's alone
  const lesson = toJsonSchema(lessonSchema, { errorMode: 'ignore' });
  const settings: JsonSchema = { $ref: '#/$defs/settings' };
  const steps = lesson.properties!.steps as JsonSchema & { readonly items: JsonSchema };
  const variants = (steps.items.anyOf ?? steps.items.oneOf) as JsonSchema[];
  return {
    ...lesson,
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'A lesson of Convex Network Explorer',
    properties: {
      ...lesson.properties,
      settings,
      steps: {
        ...steps,
        items: {
          anyOf: variants.map((step) =>
            step.properties?.settings === undefined ? step : { ...step, properties: { ...step.properties, settings } },
          ),
        },
      },
    },
    $defs: { settings: settingsJsonSchema() },
  };
}
