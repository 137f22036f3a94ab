import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exportRun } from '../../src/session/exportRun.ts';
import { predictedClass } from '../../src/shared/runView.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';
import { confusion } from '../../webview/app/views/overview/fitModel.ts';

/** 44 rows: 4 of class "no" for every one of "yes" (and of "maybe" with three classes). */
function imbalanced(classes: readonly string[]): string {
  const rows = Array.from({ length: 44 }, (_, i) => {
    const label = i % 5 < classes.length - 1 ? classes[(i % 5) + 1] : classes[0];
    return `${Math.sin(i).toFixed(6)},${Math.cos(3 * i).toFixed(6)},${label}`;
  });
  return `a,b,y\n${rows.join('\n')}\n`;
}

describe('the predicted class', () => {
  for (const classes of [
    ['no', 'yes'],
    ['no', 'maybe', 'yes'],
  ])
    for (const model of ['gated-relu', 'relu', 'linear', 'three-layer'] as const)
      it(`is the same in scores, panel and predictions when all ${classes.length} classes tie (${model})`, async () => {
        const run = await testSession(memorySource(imbalanced(classes))).train(
          { ...quickSettings, model, target: 'y', bias: 'regularized', beta: { kind: 'relative', value: 1.5 } },
          listen(),
          running,
        );
        assert.ok(run.rows.prediction.every((logit) => logit === 0));
        const lines = (exportRun(run, 'predictions') as string).trimEnd().split('\n').slice(1);
        for (const [split, name] of [
          [0, 'train'],
          [1, 'test'],
        ] as const) {
          const rows = run.rows.line.map((_, row) => row).filter((row) => run.rows.split[row] === split);
          const hits = rows.filter((row) => predictedClass(run, row) === run.rows.target[row]).length;
          const accuracy = run.metrics.find((row) => row.model === 'convex network' && row.measure === 'accuracy')!;
          assert.equal(accuracy[name], hits / rows.length);
          // a tie goes to the class that comes first
          const first = rows.filter((row) => run.rows.target[row] === 0).length;
          assert.equal(hits, first);
          const written = lines.map((line) => line.split(',')).filter((cells) => cells[1] === name);
          assert.equal(written.filter((cells) => cells[2] === cells[3]).length, hits);
          assert.equal(confusion(run, split).correct, hits);
        }
      });
});
