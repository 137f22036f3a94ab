// `npm run tool-schemas`: writes the tools of language models into package.json.
import { readFileSync, writeFileSync } from 'node:fs';
import { languageModelTools } from './languageModelTools.mts';

const file = new URL('../../package.json', import.meta.url);
const manifest = JSON.parse(readFileSync(file, 'utf8')) as { contributes: Record<string, unknown> };
manifest.contributes.languageModelTools = languageModelTools();
writeFileSync(file, `${JSON.stringify(manifest, undefined, 2)}\n`);
