// `npm run lesson-schema`: writes docs/lesson.schema.json, the JSON schema of lessons, from the schema that the program itself reads with.
import { writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { lessonJsonSchema } from './lessonJsonSchema.mts';

const file = new URL('../../docs/lesson.schema.json', import.meta.url);
const text = JSON.stringify(lessonJsonSchema());
writeFileSync(file, await format(text, { ...(await resolveConfig(file)), parser: 'json' }));
