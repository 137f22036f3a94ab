// `npm run screenshots [words]`: every view of the panel, page of the Lab and other page in four themes at three widths, into test-results/screenshots;
// words pick the pictures whose names have all of them, "de" and "zh-cn" the language. Says what is wrong with where things are, and ends with status 1 if anything is.
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunRecord } from '../../src/shared/run.ts';
import { type ToLab } from '../../src/shared/lab.ts';
import { fixtures } from './fixtures.ts';
import {
  type OpenPage,
  type Pages,
  startComparisons,
  startLabs,
  startLessons,
  startPanels,
  startPreviews,
  startStudies,
  until,
} from './harness.ts';
import { compareRuns } from '../../src/shared/compareRuns.ts';
import { someLesson, somePreview, someTable } from './pageFixtures.ts';
import { labTitles, typicalLab } from './labFixtures.ts';
import { layoutFaults } from './layout.ts';
import { deepRuns } from './deepFixtures.ts';
import { type ThemeName, themes } from './themes.ts';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const out = path.join(root, 'test-results/screenshots');
const words = process.argv.slice(2);
const language = words.find((word) => word === 'de' || word === 'zh-cn');
const picks = words.filter((word) => word !== language);
const wants = (name: string): boolean => picks.every((word) => name.includes(word));
const widths = [420, 900, 1600];
const faults: string[] = [];
let pictures = 0;
mkdirSync(out, { recursive: true });

const recorded = (name: string): RunRecord =>
  JSON.parse(readFileSync(path.join(root, `test/fixtures/runs/${name}.json`), 'utf8')) as RunRecord;
const plain: Record<string, () => RunRecord | Promise<RunRecord>> = {
  ...Object.fromEntries(['diabetes', 'xor_2d', 'co2_1d', 'penguins'].map((name) => [name, () => recorded(name)])),
  large: fixtures.large,
  long: fixtures.longNames,
  ...Object.fromEntries(Object.entries(deepRuns).map(([name, make]) => [name.replace(/\W+/g, '-'), make])),
};
const names = Object.keys(themes) as ThemeName[];
const runs = ['lab', 'study', 'lesson', 'preview', 'compared'].some((page) => picks.includes(page))
  ? []
  : Object.entries(plain).filter(([name]) => !picks.some((p) => p in plain) || picks.includes(name));

if (runs.length > 0) {
  const panels = await startPanels();
  for (const [name, make] of runs) {
    const run = await make();
    for (const theme of names) {
      if (picks.some((p) => names.includes(p as ThemeName)) && !picks.includes(theme)) continue;
      const panel = await panels.open({ theme, language });
      await panel.show(run);
      const tabs = await panel.page.getByRole('tab').allTextContents();
      for (const width of widths) {
        await panel.page.setViewportSize({ width, height: 900 });
        for (const tab of tabs) {
          const file = `${name}-${tab.replace(/[^\p{L}\d]+/gu, '-')}-${theme}-${width}`;
          if (!wants(file)) continue;
          await panel.tab(tab);
          await panel.page.waitForTimeout(120);
          for (const fault of await layoutFaults(panel.page)) faults.push(`${file}: ${fault}`);
          await panel.page.screenshot({ path: path.join(out, `${file}.png`), fullPage: true });
          pictures += 1;
        }
      }
      await panel.close();
    }
  }
  await panels.close();
}
if (picks.length === 0 || picks.includes('lab')) {
  const labs = await startLabs();
  const records = await typicalLab();
  for (const theme of names) {
    const lab = await labs.open({ theme, language });
    await lab.post({
      type: 'lab',
      uri: 'file:///data/iris.csv',
      name: 'iris.csv',
      preset: {},
      testFile: null,
      columns: [
        { name: 'target', classes: ['setosa', 'versicolor', 'virginica'], inferred: true },
        { name: 'petal_length_cm', classes: [], inferred: false },
      ],
      records,
      running: null,
      progress: null,
      cells: [],
      error: null,
    } satisfies ToLab);
    for (const width of widths) {
      await lab.page.setViewportSize({ width, height: 900 });
      for (const [page, title] of Object.entries(labTitles)) {
        const file = `lab-${page}-${theme}-${width}`;
        if (!wants(file)) continue;
        await lab.tab(title);
        await lab.page.waitForTimeout(120);
        for (const fault of await layoutFaults(lab.page)) faults.push(`${file}: ${fault}`);
        await lab.page.screenshot({ path: path.join(out, `${file}.png`), fullPage: true });
        pictures += 1;
      }
    }
    await lab.close();
  }
  await labs.close();
}
/** A page with nothing but itself, in every theme at every width. */
async function shoot<From, To>(
  name: string,
  pages: Pages<OpenPage<From, To>>,
  shown: (page: OpenPage<From, To>) => Promise<void>,
): Promise<void> {
  for (const theme of names) {
    const opened = await pages.open({ theme, language });
    await shown(opened);
    for (const width of widths) {
      const file = `${name}-${theme}-${width}`;
      if (!wants(file)) continue;
      await opened.page.setViewportSize({ width, height: 900 });
      await opened.page.waitForTimeout(120);
      for (const fault of await layoutFaults(opened.page)) faults.push(`${file}: ${fault}`);
      await opened.page.screenshot({ path: path.join(out, `${file}.png`), fullPage: true });
      pictures += 1;
    }
    await opened.close();
  }
  await pages.close();
}
const others: Readonly<Record<string, () => Promise<void>>> = {
  study: async () =>
    shoot('study', await startStudies(), async (page) => {
      await page.post(someTable());
    }),
  lesson: async () => shoot('lesson', await startLessons(), (page) => page.post(someLesson())),
  preview: async () =>
    shoot('preview', await startPreviews(), async (page) => {
      await until('the page asks', () => page.sent.some(({ type }) => type === 'ready'));
      await page.post(await somePreview());
    }),
  compared: async () =>
    shoot('compared', await startComparisons(), async (page) => {
      const run = recorded('xor_2d');
      const other = {
        ...run,
        id: 'other',
        label: 'fewer gates',
        settings: { ...run.settings, gates: 31 },
        neurons: run.neurons.slice(1),
      };
      await page.post({
        type: 'comparison',
        chosen: { version: 1, ids: [run.id, 'other'], baseline: run.id },
        comparison: compareRuns([run, other], 0),
        error: null,
      });
    }),
};
for (const [name, take] of Object.entries(others)) if (picks.length === 0 || picks.includes(name)) await take();
for (const fault of faults) console.log(fault);
console.log(`${pictures} pictures in ${path.relative(root, out)}, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;
