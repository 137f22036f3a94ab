// `npm run run-schema`: writes docs/run-schema.json from the schema that run files are checked by.
import { writeFileSync } from 'node:fs';
import { formatJson } from './formatJson.mts';
import { runJsonSchema } from './runJsonSchema.mts';

writeFileSync(new URL('../../docs/run-schema.json', import.meta.url), await formatJson(runJsonSchema()));
