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
