// `npm run glossary`: writes docs/glossary.md from the terms of the panel.
import { writeFileSync } from 'node:fs';
import { glossaryMarkdown } from './glossaryPage.ts';

writeFileSync(new URL('../../docs/glossary.md', import.meta.url), glossaryMarkdown());
