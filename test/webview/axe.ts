import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Rules by what their outcome follows from: elements and their outline, or colours of texts. */
type Group = 'structure' | 'contrast';

/** Violations of WCAG 2 A and AA, of the size of targets (2.2) and of axe's best practices, as text, by all rules or those of some groups; the page must have been loaded without them. */
export async function axe(
  panel: { readonly page: Page },
  groups: readonly Group[] = ['structure', 'contrast'],
): Promise<string[]> {
  // Through the debugger, not a script element, which the policy rightly refuses.
  if (!(await panel.page.evaluate(() => 'axe' in window))) await panel.page.evaluate(axeSource);
  const which = groups.includes('structure')
    ? { rules: { 'target-size': { enabled: true }, 'color-contrast': { enabled: groups.includes('contrast') } } }
    : { runOnly: { type: 'rule', values: ['color-contrast'] } };
  return panel.page.evaluate(async (chosen) => {
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
      ...chosen,
    });
    return violations.flatMap((violation) =>
      violation.nodes
        .slice(0, 3)
        .map((node) => `${violation.id}: ${node.target.join(' ')} (${node.failureSummary.split('\n')[1] ?? ''})`),
    );
  }, which);
}

/**
 * Violations of the groups of rules for which the page has something that was not looked at before: kinds of elements, headings or landmarks
 * in another order, texts in other colours. `seen` is what was looked at and is added to. What a rule can say follows from these; looking takes a quarter of a second.
 */
export async function axeOfNew(panel: { readonly page: Page }, seen: Set<string>): Promise<string[]> {
  const parts = await panel.page.evaluate(partsOfPage);
  const groups = (['structure', 'contrast'] as const).filter((group) => parts[group].some((part) => !seen.has(part)));
  if (groups.length === 0) return [];
  const found = await axe(panel, groups);
  for (const group of groups) for (const part of parts[group]) seen.add(part);
  return found;
}

/**
 * What a page is made of. Structure: kinds of elements, each with the kind above it, headings each with the one before, landmarks
 * and ids that occur more than once. Contrast: colours of texts with all that is behind them. Runs in the page.
 */
function partsOfPage(): Record<Group, string[]> {
  const kindOf = (element: Element): string => {
    const attributes = [...element.attributes].map(({ name, value }) => {
      const said =
        /^(role|type|class|tabindex|aria-(?!label|describedby|labelledby|controls|value|activedescendant))/.test(name);
      return said ? `${name}=${value}` : value.trim() === '' ? `${name} empty` : name;
    });
    return `${element.localName} ${attributes.sort().join(' ')} ${hasText(element)}`;
  };
  const hasText = (element: Element): boolean =>
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent!.trim() !== '');
  /** What is behind a text: through slots, since controls have their background inside. */
  const above = (element: Element): Element | null =>
    element.assignedSlot ?? element.parentElement ?? (element.getRootNode() as Partial<ShadowRoot>).host ?? null;
  const behind = new Map<Element, string>();
  const backgroundOf = (element: Element): string => {
    let found = behind.get(element);
    if (found === undefined) {
      const { backgroundColor: colour, backgroundImage: image, opacity } = getComputedStyle(element);
      const upper = above(element);
      const own = colour === 'rgba(0, 0, 0, 0)' && image === 'none' && opacity === '1';
      found = (upper ? backgroundOf(upper) : '') + (own ? '' : ` ${colour} ${image} ${opacity}`);
      behind.set(element, found);
    }
    return found;
  };
  const [structure, contrast] = [new Set<string>(), new Set<string>()];
  const ids = new Map<string, number>();
  const landmarks: string[] = [];
  let heading = 'none';
  const kinds = new Map<Element, string>();
  for (const element of document.querySelectorAll('*')) {
    const kind = kindOf(element);
    kinds.set(element, kind);
    structure.add(`${element.parentElement ? kinds.get(element.parentElement) : ''} > ${kind}`);
    if (element.closest('body') && hasText(element)) {
      const { color, fontSize, fontWeight, textShadow } = getComputedStyle(element);
      const large = Number.parseFloat(fontSize) >= (Number(fontWeight) >= 700 ? 18.66 : 24); // less contrast is enough
      contrast.add(`${large ? 'large' : 'small'} ${color} ${textShadow} on${backgroundOf(element)}`);
    }
    if (element.id !== '') ids.set(element.id, (ids.get(element.id) ?? 0) + 1);
    if (/^(main|nav|header|footer|aside)$/.test(element.localName)) landmarks.push(element.localName);
    if (!/^h[1-6]$/.test(element.localName)) continue;
    structure.add(`${element.localName} after ${heading}`);
    heading = element.localName;
  }
  structure.add(`landmarks ${landmarks.join(' ')}`);
  for (const [id, count] of ids) if (count > 1) structure.add(`id ${id} ${count} times`);
  return { structure: [...structure], contrast: [...contrast] };
}
