import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * Violations of WCAG 2 A and AA and of axe's best practices, as text; the page must have been loaded without them. Contrast takes most of the time and is of
 * the theme, not of the data: where a page is drawn with many runs it may be left to the tests of themes.
 */
export async function axe(panel: { readonly page: Page }, { contrast = true } = {}): Promise<string[]> {
  // Through the debugger, not a script element, which the policy rightly refuses.
  if (!(await panel.page.evaluate(() => 'axe' in window))) await panel.page.evaluate(axeSource);
  return panel.page.evaluate(async (withContrast) => {
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
      rules: { 'color-contrast': { enabled: withContrast } },
    });
    return violations.flatMap((violation) =>
      violation.nodes
        .slice(0, 3)
        .map((node) => `${violation.id}: ${node.target.join(' ')} (${node.failureSummary.split('\n')[1] ?? ''})`),
    );
  }, contrast);
}
