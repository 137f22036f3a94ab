import { readFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { textsPlugin } from '../../src/build/texts.mjs';
import type { Language } from '../../src/shared/texts.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** The texts of the interface with every letter as “ω”: what keeps Latin letters is not looked up. */
export function omegas(): Language {
  const bundle = JSON.parse(readFileSync(path.join(root, 'l10n/bundle.l10n.de.json'), 'utf8')) as Record<
    string,
    string
  >;
  const texts = Object.fromEntries(
    Object.keys(bundle).map((key) => [
      key,
      key.replace(/\{\d+\}|\p{L}/gu, (found) => (found.length > 1 ? found : 'ω')),
    ]),
  );
  return { tag: 'omega', texts };
}

/** A module of the sources with its texts looked up, as the bundles have it. */
export async function withLookups<T>(file: string): Promise<T> {
  const { outputFiles } = await build({
    entryPoints: [path.join(root, file)],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    plugins: [textsPlugin(root)],
  });
  return (await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)) as T;
}

/** Latin words of a page or a text, without what is allowed. */
export function latinWords(text: string, allowed: readonly string[]): string[] {
  let words = text
    .replace(/<style>[^]*?<\/style>|<pre>[^]*?<\/pre>|<!DOCTYPE[^>]*>|<[^>]*>/g, '\n')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&');
  for (const one of [...allowed].sort((a, b) => b.length - a.length))
    words = words.replaceAll(
      new RegExp(`(?<![A-Za-z])${one.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![A-Za-z])`, 'g'),
      ' ',
    );
  return words
    .split('\n')
    .filter((line) => /[A-Za-z]{3}/.test(line))
    .map((line) => line.trim());
}
