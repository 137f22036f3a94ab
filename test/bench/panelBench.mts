// A process of its own for the benchmark (`panel` section): the built panel in Chromium with 10,000 rows and 100 neurons; prints the times as JSON.
// node --import tsx test/bench/panelBench.mts
import type { CDPSession, Page } from 'playwright-core';
import { panelRecord } from '../../src/worker/panelRecord.ts';
import { makeRun } from '../webview/fixtures.ts';
import { startPanels } from '../webview/harness.ts';

const rounds = 5;
const moves = 60;

/** As the panel gets it: the worker sends the rows that a panel can draw. */
const { record } = panelRecord(
  makeRun({
    name: 'large.csv',
    rows: 10_000,
    features: 10,
    neurons: 100,
    gates: 300,
    task: 'binary',
    path: true,
    compare: true,
    proof: 'bound',
    optimalSet: 'proven',
  }),
);
const message = {
  type: 'snapshot' as const,
  state: 'done' as const,
  run: record,
  progress: null,
  trace: [],
  error: null,
  stale: false,
  history: [{ id: record.id, label: record.label }],
};

/** Busy milliseconds of the page's main thread while `work` runs, beside what it returns. */
async function whileBusy<T>(session: CDPSession, work: () => Promise<T>): Promise<readonly [T, number]> {
  const before = await busy(session);
  const result = await work();
  return [result, 1000 * ((await busy(session)) - before)];
}

/** Milliseconds from something that happens in the page until the frame that shows it: effects that draw run after the first frame. */
const untilPaint = (page: Page, what: 'tab' | 'record', given: unknown): Promise<number> =>
  page.evaluate(
    ([kind, value]) =>
      new Promise<number>((resolve) => {
        const begin = performance.now();
        if (kind === 'record') window.postMessage(value, '*');
        else document.querySelectorAll<HTMLElement>('[role=tab]')[value as number].click();
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begin))));
      }),
    [what, given] as const,
  );

/** Seconds that the page's main thread has been busy, so far. */
async function busy(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration')!.value;
}

/** Busy milliseconds of the page for each step of a pointer that is dragged over the largest picture of the view; none where there is no picture. */
async function dragged(page: Page, session: CDPSession): Promise<number | null> {
  const box = await page.evaluate(() => {
    const boxes = [
      ...document.querySelectorAll('main canvas, main .plot, [role=tabpanel] canvas, [role=tabpanel] .plot'),
    ]
      .map((one) => one.getBoundingClientRect())
      .filter(({ width, height }) => width > 40 && height > 40)
      .sort((a, b) => b.width * b.height - a.width * a.height);
    if (boxes.length === 0) return null;
    const { x, y, width, height } = boxes[0];
    window.scrollBy(0, y - 150);
    return { x, y: y - (y - 150), width, height };
  });
  if (box === null) return null;
  const y = Math.min(box.y + box.height / 2, 850);
  await page.mouse.move(box.x + 5, y);
  await page.mouse.down();
  const before = await busy(session);
  for (let k = 1; k <= moves; k++) await page.mouse.move(box.x + 5 + ((box.width - 10) * k) / moves, y);
  const took = await busy(session);
  await page.mouse.up();
  return (1000 * (took - before)) / moves;
}

const panels = await startPanels();
try {
  const opening: { readonly scripts: number; readonly picture: number }[] = [];
  for (let k = 0; k < rounds; k++) {
    const panel = await panels.open();
    const scripts = await panel.page.evaluate(
      () => (performance.getEntriesByType('navigation')[0] as PerformanceNavigationTiming).domContentLoadedEventEnd,
    );
    opening.push({ scripts, picture: await untilPaint(panel.page, 'record', message) });
    await panel.close();
  }
  const panel = await panels.open();
  const { page } = panel;
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  await untilPaint(page, 'record', message);
  const tabs = await page.getByRole('tab').allTextContents();
  const views: Record<string, { shown: number[]; busy: number[]; again: number[]; drag: number | null }> = {};
  for (let k = 0; k < rounds; k++) {
    for (const [i, tab] of tabs.entries()) {
      const of = (views[tab] ??= { shown: [], busy: [], again: [], drag: null });
      const [shown, worked] = await whileBusy(session, () => untilPaint(page, 'tab', i));
      of.shown.push(shown);
      of.busy.push(worked);
      of.again.push(await untilPaint(page, 'record', { ...message, run: { ...record, label: `again ${k}` } }));
      if (k === rounds - 1) of.drag = await dragged(page, session);
    }
  }
  console.log(JSON.stringify({ opening, views }));
} finally {
  await panels.close();
}
