import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { ResultsPanel } from '../../../src/host/panel/resultsPanel.ts';
import { panelType } from '../../../src/shared/manifest.ts';
import type { FromPanel, PanelSnapshot, ToPanel } from '../../../src/shared/protocol.ts';
import { Bench, extension, quick, until } from './support.ts';

describe('results panel', () => {
  let bench: Bench;
  before(async () => {
    bench = new Bench();
    await bench.store.open();
  });
  after(() => bench.dispose());

  it('rejects every message that is not of the protocol, with a line in the log', () => {
    const taken: FromPanel[] = [];
    const { panel, page } = open((message) => taken.push(message));
    const malformed: unknown[] = [
      ...[undefined, null, 0, 'stop', [], {}, { type: 1 }, { type: 'STOP' }, { type: '__proto__' }, { type: 'eval' }],
      ...[-1, NaN, Infinity, '1', null].map((beta) => ({ type: 'setBeta', beta, final: true })),
      { type: 'setBeta', beta: 1 },
      { type: 'setModel', model: 'transformer' },
      ...[0, 17, 1.5, '2'].map((m1) => ({ type: 'setModel', model: 'three-layer', m1 })),
      ...[1, 65].map((depth) => ({ type: 'setModel', model: 'linear', depth })),
      ...['', '../../etc/passwd', 'a/b', 'a'.repeat(81), 7].map((id) => ({ type: 'openRun', id })),
      ...[-1, 0.5, '0'].map((index) => ({ type: 'revealRow', index })),
      { type: 'requestRows', requestId: 1, indices: Array.from({ length: 501 }, (_, i) => i) },
      { type: 'export', what: 'everything' },
      { type: 'saveFile', name: '../x.svg', content: '', encoding: 'utf8' },
      { type: 'saveFile', name: 'x.svg', content: '', encoding: 'latin1' },
      { type: 'saveTable', name: 'x.csv', header: ['a'], rows: [[NaN]] },
      { type: 'saveTable', name: '../x.csv', header: [], rows: [] },
    ];
    for (const message of malformed) {
      const before = bench.log.lines.length;
      panel.receive(message);
      assert.match(bench.log.lines.slice(before).join('\n'), /warn Panel message rejected/, JSON.stringify(message));
    }
    assert.deepEqual(taken, []);
    panel.receive({ type: 'stop', extra: 1 });
    assert.deepEqual(taken, [{ type: 'stop' }]);
    page.dispose();
  });

  it('sends the whole state when the page is ready, and while it trains', async () => {
    const { panel, page, sent, dataset } = open(() => undefined);
    await dataset.train(quick({ target: 'target' }));
    assert.equal(sent.length, 0, 'nothing before the page is ready');
    panel.receive({ type: 'ready' });
    await until(() => sent.length === 1, 'one snapshot');
    const first = sent[0] as PanelSnapshot;
    assert.equal(first.state, 'done');
    assert.equal(first.run?.id, dataset.run!.summary.id);
    assert.equal(first.history[0].id, first.run?.id);
    await dataset.train(quick({ target: 'target', seed: 5 }));
    await until(() => (sent.at(-1) as PanelSnapshot).run?.settings.seed === 5, 'the new run');
    const states = sent.filter((message) => message.type === 'snapshot').map(({ state }) => state);
    assert.ok(states.includes('training'));
    await until(() => (sent.at(-1) as PanelSnapshot).state === 'done', 'done');
    page.dispose();
  });

  /** A real webview whose outgoing messages are kept as well. */
  function open(take: (message: FromPanel) => void): {
    panel: ResultsPanel;
    page: vscode.WebviewPanel;
    sent: ToPanel[];
    dataset: ReturnType<Bench['sample']>;
  } {
    const page = vscode.window.createWebviewPanel(panelType, '', vscode.ViewColumn.One, { enableScripts: true });
    const passOn = <T extends object>(target: T, key: PropertyKey, value: unknown): boolean =>
      Reflect.set(target, key, value, target);
    const sent: ToPanel[] = [];
    const webview = new Proxy<vscode.Webview>(page.webview, {
      set: passOn,
      get(target, key) {
        if (key === 'postMessage')
          return (message: ToPanel) => {
            sent.push(message);
            return target.postMessage(message);
          };
        if (key === 'onDidReceiveMessage') return () => new vscode.Disposable(() => undefined); // only what the test gives
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    const watched = new Proxy<vscode.WebviewPanel>(page, {
      set: passOn,
      get(target, key) {
        if (key === 'webview') return webview;
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    const dataset = bench.sample('iris.csv');
    const panel = new ResultsPanel(
      watched,
      dataset,
      bench.store,
      extension().extensionUri,
      (message) => {
        take(message);
        return Promise.resolve();
      },
      bench.log.channel,
    );
    return { panel, page, sent, dataset };
  }
});
