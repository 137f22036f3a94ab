import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import type { RunRecord } from '../../src/shared/run.ts';
import { panelVerdict } from '../../webview/app/runData.ts';
import { writeReport } from '../../webview/report/report.ts';
import { latexText, markdownText, tableLatex, tableMarkdown } from '../../webview/ui/tableText.ts';
import { everyFamilyAndTask, smallFile } from '../support/everyFamily.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';
import { fixtures } from './fixtures.ts';
import { launchBrowser } from './harness.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-report-'));
const stored = (name: string): RunRecord =>
  JSON.parse(readFileSync(new URL(`../fixtures/runs/${name}.json`, import.meta.url), 'utf8')) as RunRecord;
const hostile = `<script>document.title='run'</script><img src=x onerror=alert(1)> [a](http://b.c) \u202e|$x$ \`q\``;

/** The same run with names that try to be something else. */
function renamed(run: RunRecord): RunRecord {
  const text = JSON.stringify(run);
  const name = JSON.stringify(run.resolved.target).slice(1, -1);
  return JSON.parse(text.replace(new RegExp(`"${name}"(?!:)`, 'g'), () => JSON.stringify(hostile))) as RunRecord;
}

describe('report of a run', () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const name of ['co2_1d', 'xor_2d', 'penguins', 'diabetes']) {
    it(`${name}: opens, shows the verdict and its pictures, runs and loads nothing, and prints`, async () => {
      const run = renamed(stored(name));
      const file = path.join(folder, `${name}.html`);
      writeFileSync(file, writeReport(run, 'html'));
      const page = await browser.newPage({ viewport: { width: 420, height: 800 } });
      const loaded: string[] = [];
      page.on('request', (request) => loaded.push(request.url()));
      const complaints: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      await page.goto(pathToFileURL(file).href);
      assert.deepEqual(loaded, [pathToFileURL(file).href]);
      assert.deepEqual(complaints, []);
      assert.equal(await page.locator('script, img, iframe, object, a').count(), 0);
      assert.ok((await page.title()).includes('<script>'), 'a name is text');
      const words = (await page.locator('main').innerText()).replace(/\s+/g, ' ');
      assert.ok(words.includes(panelVerdict(run).headline.replace(/\s+/g, ' ').slice(0, 40)), words.slice(0, 300));
      assert.ok(words.includes('convexnet train'));
      assert.ok(words.includes(run.dataset.sha256));
      const pictures = await page.locator('figure svg').count();
      assert.ok(pictures >= (run.path === undefined ? 1 : 3), `${pictures} pictures`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 420, `${wide} pixels wide`);
      const print = await page.pdf({ format: 'A4' });
      assert.ok(print.length > 10_000);
      await page.close();
    });
  }

  it('of every family and task opens with its verdict, pictures and scores', async () => {
    const page = await browser.newPage({ viewport: { width: 420, height: 800 } });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    for (const [what, change] of Object.entries(everyFamilyAndTask)) {
      const run = await testSession(memorySource(smallFile)).train({ ...quickSettings, ...change }, listen(), running);
      const file = path.join(folder, 'family.html');
      writeFileSync(file, writeReport(run, 'html'));
      await page.goto(pathToFileURL(file).href);
      const words = (await page.locator('main').innerText()).replace(/\s+/g, ' ');
      assert.ok(words.includes(panelVerdict(run).headline.replace(/\s+/g, ' ').slice(0, 40)), what);
      assert.doesNotMatch(words, /NaN|undefined|\[object/, what);
      assert.ok((await page.locator('table').count()) >= 2, what);
      // numbers have their residuals as a picture, classes their confusion as a table
      if (run.resolved.classes.length === 0) assert.ok((await page.locator('figure svg').count()) > 0, what);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 420, what);
    }
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it('writes every fixture of the panel both ways', () => {
    for (const run of Object.values(fixtures).map((made) => made())) {
      const html = writeReport(run, 'html');
      assert.doesNotMatch(html, /NaN|undefined|\[object/);
      assert.match(writeReport(run, 'md'), /^# .+\n\n\*\*/);
    }
  });

  it('is the same in Markdown, where no name is markup', () => {
    const markdown = writeReport(renamed(stored('xor_2d')), 'md');
    assert.doesNotMatch(markdown.replace(/```[^]*?```/g, ''), /<script|<img|\]\(http|\u202e/);
    assert.match(markdown, /convexnet train xor_2d\.csv/);
  });
});

describe('tables as text', () => {
  const table = {
    caption: 'c',
    header: ['name', 'value'],
    rows: [
      ['a|b <i>', '−4.9\u2009×\u200910⁻¹⁰'],
      ['50 % & $x_1$', '1'],
    ],
    numeric: [false, true],
  };

  it('are Markdown', () => {
    assert.equal(
      tableMarkdown(table),
      '| name | value |\n| --- | ---: |\n| a\\|b &lt;i\\> | −4.9\u2009×\u200910⁻¹⁰ |\n| 50 % \\&amp; \\$x\\_1\\$ | 1 |\n'.replace(
        '\\&amp;',
        '&amp;',
      ),
    );
    for (const text of ['# a', '- a', '1. a', '+ a', '= a']) assert.match(markdownText(text), /^\d?\\/);
    assert.doesNotMatch(markdownText('http://a.b www.a.b me@a.b'), /http:\/|www\.|[^\\]@/);
  });

  it('are LaTeX', () => {
    assert.equal(
      tableLatex(table),
      String.raw`\begin{tabular}{lr}
  \hline
  name & value \\
  \hline
  a$|$b $<$i$>$ & $-$4.9\,$\times$\,10$^{-10}$ \\
  50 \% \& \$x\_1\$ & 1 \\
  \hline
\end{tabular}
`,
    );
    assert.equal(latexText('\\input{a}^~'), '\\textbackslash{}input\\{a\\}\\textasciicircum{}\\textasciitilde{}');
  });
});
