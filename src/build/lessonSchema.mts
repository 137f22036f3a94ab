// `npm run lesson-schema`: writes docs/lesson.schema.json, the JSON schema of lessons, from the schema that the program itself reads with.
import { writeFileSync } from 'node:fs';
import { formatJson } from './formatJson.mts';
import { lessonJsonSchema } from './lessonJsonSchema.mts';

const file = new URL('../../docs/lesson.schema.json', import.meta.url);
writeFileSync(file, await formatJson(lessonJsonSchema()));
