import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * Violations of WCAG 2 A and AA and of axe's best practices, as text; the page must have been loaded without them. What is of the theme, contrast, is asked for
 * in every theme and need not be asked for with every run; what is of the structure needs no second theme. `rules`: `all`, all but contrast, or contrast alone.
 */
export async function axe(
  panel: { readonly page: Page },
  { rules = 'all' }: { readonly rules?: 'all' | 'structure' | 'contrast' } = {},
): Promise<string[]> {
  // Through the debugger, not a script element, which the policy rightly refuses.
  if (!(await panel.page.evaluate(() => 'axe' in window))) await panel.page.evaluate(axeSource);
  return panel.page.evaluate(async (which) => {
    const { axe: run } = window as unknown as {
      axe: {
        run: (
          c: Document,
          o: object,
        ) => Promise<{ violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[] }>;
      };
    };
    const { violations } = await run.run(document, {
      resultTypes: ['violations'],
      // the page has no frames and no sheets but its own
      iframes: false,
      preload: false,
      ...(which === 'contrast' ? { runOnly: { type: 'rule', values: ['color-contrast'] } } : {}),
      ...(which === 'structure' ? { rules: { 'color-contrast': { enabled: false } } } : {}),
    });
    return violations.flatMap((violation) =>
      violation.nodes
        .slice(0, 3)
        .map((node) => `${violation.id}: ${node.target.join(' ')} (${node.failureSummary.split('\n')[1] ?? ''})`),
    );
  }, rules);
}

/**
 * Violations of the rules on structure, unless the page is made of nothing but kinds of elements that were looked at before, with the same outline: `seen` is
 * what was looked at and is added to. What a rule can say of the structure follows from these; looking takes a quarter of a second.
 */
export async function axeOfNew(panel: { readonly page: Page }, seen: Set<string>): Promise<string[]> {
  const parts = await panel.page.evaluate(partsOfPage);
  if (parts.every((part) => seen.has(part))) return [];
  const found = await axe(panel, { rules: 'structure' });
  for (const part of parts) seen.add(part);
  return found;
}

/** The kinds of elements of a page, each with the kind above it, and its outline: headings, landmarks and ids that occur more than once. Runs in the page. */
function partsOfPage(): string[] {
  const kindOf = (element: Element): string => {
    const attributes = [...element.attributes].map(({ name, value }) => {
      const said =
        /^(role|type|class|tabindex|aria-(?!label|describedby|labelledby|controls|value|activedescendant))/.test(name);
      return said ? `${name}=${value}` : value.trim() === '' ? `${name} empty` : name;
    });
    const text = [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && node.textContent!.trim() !== '',
    );
    return `${element.localName} ${attributes.sort().join(' ')} ${text}`;
  };
  const parts = new Set<string>();
  const ids = new Map<string, number>();
  const outline: string[] = [];
  for (const element of document.querySelectorAll('*')) {
    parts.add(`${element.parentElement ? kindOf(element.parentElement) : ''} > ${kindOf(element)}`);
    if (element.id !== '') ids.set(element.id, (ids.get(element.id) ?? 0) + 1);
    if (/^(h[1-6]|main|nav|header|footer|aside|section)$/.test(element.localName)) outline.push(element.localName);
  }
  parts.add(`outline ${outline.join(' ')}`);
  for (const [id, count] of ids) if (count > 1) parts.add(`id ${id} ${count} times`);
  return [...parts];
}
