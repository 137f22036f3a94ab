// A process of its own for the benchmark (`host` section): draws records in the built panel, in Chromium, and prints the
// times as JSON. node --import tsx test/bench/drawPanel.mts RECORDS.json
import { readFileSync } from 'node:fs';
import type { RunRecord } from '../../src/shared/run.ts';
import { startPanels } from '../webview/harness.ts';

const views = ['Overview', 'Sparsity', 'Neurons', 'Duals'];
const records = JSON.parse(readFileSync(process.argv[2], 'utf8')) as RunRecord[];

const panels = await startPanels();
try {
  const times: Record<string, number[]> = {};
  const panel = await panels.open();
  await panel.show(records[0]);
  for (const view of views) {
    await panel.tab(view);
    const of: number[] = (times[view] = []);
    for (const run of [...records, ...records]) {
      const message = {
        type: 'snapshot' as const,
        state: 'done' as const,
        run,
        progress: null,
        trace: [],
        error: null,
        stale: false,
        history: [{ id: run.id, label: run.label }],
      };
      of.push(
        await panel.page.evaluate(
          (m) =>
            new Promise<number>((resolve) => {
              const begin = performance.now();
              window.postMessage(m, '*');
              // effects that draw run after the first frame; the second has their pictures
              requestAnimationFrame(() =>
                requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begin))),
              );
            }),
          message,
        ),
      );
    }
  }
  console.log(JSON.stringify(times));
} finally {
  await panels.close();
}
