// `npm run run-schema`: writes docs/run-schema.json from the schema that run files are checked by.
import { writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { runJsonSchema } from './runJsonSchema.mts';

const text = await format(JSON.stringify(runJsonSchema()), { parser: 'json', printWidth: 120 });
writeFileSync(new URL('../../docs/run-schema.json', import.meta.url), text);
