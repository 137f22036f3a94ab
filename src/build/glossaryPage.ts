import { glossary } from '../shared/glossary.ts';

/** The page of the documentation that is made from it. */
export function glossaryMarkdown(): string {
  const terms = Object.values(glossary)
    .slice()
    .sort((a, b) => a.title.localeCompare(b.title, 'en'));
  return [
    '# Glossary',
    '',
    'The words that the panel underlines with dots; there each opens these sentences. Made from `src/shared/glossary.ts` by `npm run glossary`.',
    '',
    ...terms.flatMap(({ title, text }) => [`**${title}**: ${text}`, '']),
  ].join('\n');
}
