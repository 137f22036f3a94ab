// `npm run study-schema`: writes docs/study.schema.json, the JSON schema of study files, from the schemas that the program itself reads with.
import { writeFileSync } from 'node:fs';
import { formatJson } from './formatJson.mts';
import { studyJsonSchema } from './studyJsonSchema.mts';

const file = new URL('../../docs/study.schema.json', import.meta.url);
writeFileSync(file, await formatJson(studyJsonSchema()));
