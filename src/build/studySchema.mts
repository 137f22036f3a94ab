// `npm run study-schema`: writes docs/study.schema.json, the JSON schema of study files, from the schemas that the program itself reads with.
import { writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { studyJsonSchema } from './studyJsonSchema.mts';

const file = new URL('../../docs/study.schema.json', import.meta.url);
const text = JSON.stringify(studyJsonSchema());
writeFileSync(file, await format(text, { ...(await resolveConfig(file)), parser: 'json' }));
