import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { uncontrolled } from '../../src/core/base/control.ts';
import { previewFile } from '../../src/session/preview.ts';
import type { DataPreview, FromPreview, ToPreview } from '../../src/shared/preview.ts';
import { memorySource } from '../support/memorySource.ts';
import { axe } from './axe.ts';
import { type OpenPage, type Pages, startPreviews, until } from './harness.ts';
import { type ThemeName, themes } from './themes.ts';

type Preview = OpenPage<FromPreview, ToPreview>;

const text = [
  'when,size,colour,code,note,price',
  ...Array.from({ length: 80 }, (_, i) =>
    [
      `2020-01-${String(1 + (i % 28)).padStart(2, '0')}`,
      i % 17 === 3 ? 'NA' : (10 + ((i * 7) % 31) / 2).toFixed(1),
      ['red', 'green', 'blue', '"<b>x</b>"'][i % 4],
      ['007', '010', '120'][i % 3],
      `remark ${i}`,
      i === 40 ? 'ask' : (20 + ((i * 13) % 50)).toFixed(2),
    ].join(','),
  ),
  'total,,,,,1776.00',
].join('\n');

describe('data preview', () => {
  let pages: Pages<Preview>;
  let data: DataPreview;

  before(async () => {
    pages = await startPreviews();
    data = await previewFile(memorySource(text, { name: 'sales.csv' }), {}, () => undefined, uncontrolled);
  });
  after(() => pages.close());

  const shown = async (theme: ThemeName = 'dark', more: Partial<ToPreview> = {}, width = 1100): Promise<Preview> => {
    const preview = await pages.open({ theme, width });
    await until('the page asks', () => preview.sent.some(({ type }) => type === 'ready'));
    await preview.post({
      type: 'preview',
      uri: 'file:///data/sales.csv',
      name: 'sales.csv',
      data,
      read: {},
      missing: 'auto',
      reading: null,
      error: null,
      ...more,
    });
    return preview;
  };

  for (const theme of Object.keys(themes) as ThemeName[]) {
    it(`shows every column with what becomes of it, ${theme}`, async () => {
      const preview = await shown(theme);
      const { page } = preview;
      assert.deepEqual(await page.locator('tbody th').allTextContents(), [
        'when',
        'size',
        'colour',
        'code',
        'note',
        'price',
      ]);
      const roles = await page
        .locator('tbody tr td:nth-child(3) select')
        .evaluateAll((all) => all.map((select) => (select as HTMLSelectElement).value));
      assert.deepEqual(roles, ['feature', 'feature', 'feature', 'feature', 'left-out', 'target']);
      assert.match((await page.locator('tbody tr').nth(4).textContent()) ?? '', /80 distinct values/);
      assert.equal(await page.locator('tbody tr').nth(1).locator('svg rect').count(), 24);
      assert.match(
        (await page.locator('[data-facts]').textContent()) ?? '',
        /^80 rows, 6 columns; utf-8, delimiter comma/,
      );
      assert.match((await page.getByRole('region', { name: 'Notices' }).textContent()) ?? '', /totals at the end/);
      assert.deepEqual(await axe(preview), []);
      await preview.shot(`preview-${theme}`);
      assert.deepEqual(preview.faults, []);
      await preview.close();
    });
  }

  it('takes types, roles and ways of reading to the host, and all of them to training', async () => {
    const preview = await shown();
    const { page, sent } = preview;
    await page.getByLabel('Type of code').selectOption('number');
    assert.deepEqual(sent.at(-1), { type: 'read', choices: { columnTypes: { code: 'number' } } });
    await page.getByLabel('Role of colour').selectOption('left-out');
    await page.getByLabel('Role of size').selectOption('target');
    await page.getByText('How the file is read').click();
    await page.getByLabel('Decimal mark').selectOption(',');
    assert.deepEqual(sent.at(-1), { type: 'read', choices: { dialect: { decimal: ',' } } });
    await page.getByLabel('Rows with gaps').selectOption('impute');
    await page.getByRole('button', { name: 'Train with these choices' }).click();
    assert.deepEqual(sent.at(-1), {
      type: 'train',
      choices: { target: 'size', task: 'auto', features: ['when', 'code', 'price'], missing: 'impute' },
    });
    await page.getByRole('button', { name: 'Show line 82' }).click();
    assert.deepEqual(sent.at(-1), { type: 'revealLine', line: 82 });
    assert.deepEqual(preview.faults, []);
    await preview.close();
  });

  it('says that it reads, stops, and tells errors with their line', async () => {
    const preview = await shown('light', { reading: 0.4 }, 420);
    const { page, sent } = preview;
    await page.getByRole('button', { name: 'Stop' }).click();
    assert.deepEqual(sent.at(-1), { type: 'stop' });
    await preview.post({
      type: 'preview',
      uri: 'file:///data/sales.csv',
      name: 'sales.csv',
      data: null,
      read: {},
      missing: 'auto',
      reading: null,
      error: { message: 'sales.csv, line 7: a quotation mark opens here', line: 7 },
    });
    await page.getByRole('button', { name: 'Show line 7' }).click();
    assert.deepEqual(sent.at(-1), { type: 'revealLine', line: 7 });
    assert.deepEqual(await axe(preview), []);
    await preview.shot('preview-narrow');
    await preview.close();
  });
});

describe('looking at a file', () => {
  it('shows the first rows at once, then a sample of all', async () => {
    const file = path.resolve(import.meta.dirname, '../../media/samples/diabetes.csv');
    const [header, ...rows] = readFileSync(file, 'utf8').trim().split('\n');
    const many = [header, ...Array.from({ length: 60 }, () => rows).flat()].join('\n');
    const parts: (DataPreview | null)[] = [];
    const data = await previewFile(
      memorySource(many, { name: 'many.csv' }),
      {},
      (part) => parts.push(part),
      uncontrolled,
    );
    assert.equal(parts[0]?.rows, 500);
    assert.equal(parts[0].complete, false);
    assert.ok(Math.abs(parts[0].rowsInFile / (60 * rows.length) - 1) < 0.1);
    assert.equal(data.rowsInFile, 60 * rows.length);
    assert.equal(data.rows, 20_000);
    for (const { summary, missing } of data.columns) {
      const counted =
        summary.kind === 'bins'
          ? summary.counts.reduce((a, b) => a + b)
          : summary.values.reduce((sum, { count }) => sum + count, summary.others);
      assert.equal(counted + missing, data.rows);
    }
  });
});
