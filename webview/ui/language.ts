import { setTexts } from '../../src/shared/texts.ts';

/** Takes the texts of the editor's language, which come with the page; imported first, as modules say texts when they are loaded. */
const given = document.getElementById('texts')?.textContent ?? '';
if (given !== '') setTexts(JSON.parse(given) as Readonly<Record<string, string>>, document.documentElement.lang);
