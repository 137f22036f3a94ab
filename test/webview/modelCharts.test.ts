import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import Papa from 'papaparse';
import * as v from 'valibot';
import { csvText } from '../../src/core/data/csv.ts';
import { saveTableSchema } from '../../src/shared/savedFiles.ts';
import { describePoint, moveCursor, nearestPoint } from '../../webview/charts/chartModel.ts';
import { chartPicture, chartTable, pictureSvg, tableMessage } from '../../webview/charts/exportFile.ts';
import { fileName } from '../../webview/charts/fileName.ts';
import { printPalette, toneColor } from '../../webview/charts/theme.ts';
import { heatmapModel, orderEnds, orderRows, reduceHeatmap } from '../../webview/charts/heatmap/heatmapModel.ts';
import type { ChartSpec } from '../../webview/charts/spec.ts';
import { axisTicks, domains, drawnSeries, legendEntries, linearTicks, logTicks } from '../../webview/charts/spec.ts';
import { classAt, surfaceModel } from '../../webview/charts/surface/surfaceModel.ts';
import {
  formatCount,
  formatGap,
  formatNumber,
  formatPercent,
  formatSeconds,
  typeset,
} from '../../webview/ui/format.ts';

const base: ChartSpec = {
  id: 'c',
  title: 'A <title> & more',
  summary: 'What it shows.',
  x: { label: 'x' },
  y: { label: 'y' },
  series: [],
};
const points = (x: number[], y: number[], id = 'a'): ChartSpec['series'][number] => ({
  id,
  label: `series ${id}`,
  kind: 'points',
  x,
  y,
  tone: 0,
});

describe('numbers', () => {
  it('are rounded to significant digits, with powers of ten at the ends', () => {
    assert.equal(formatNumber(1234.5678), '1235');
    assert.equal(formatNumber(1960), '1960', 'a year');
    assert.equal(formatNumber(12345.678, 5), '12,346');
    assert.equal(formatNumber(0.00012345), '0.0001235');
    assert.equal(formatNumber(-0.5), '−0.5');
    assert.equal(formatNumber(3.2e-7, 2), '3.2\u2009×\u200910⁻⁷');
    assert.equal(formatNumber(1e-6), '10⁻⁶');
    assert.equal(formatNumber(-1e-6), '−10⁻⁶');
    assert.equal(formatNumber(9.9999e-6, 3), '10⁻⁵');
    assert.equal(formatNumber(12_345_678), '1.23\u2009×\u200910⁷');
    assert.equal(formatNumber(NaN), '–');
    assert.equal(formatNumber(null), '–');
    assert.equal(formatNumber(Infinity), '∞');
    assert.equal(formatNumber(0), '0');
  });
  it('have units', () => {
    assert.equal(formatPercent(0.1234), '12.3\u00a0%');
    assert.equal(formatSeconds(0.0621), '62.1\u00a0ms');
    assert.equal(formatSeconds(125), '2\u00a0min 5\u00a0s');
    assert.equal(formatCount(1, 'row'), '1 row');
    assert.equal(formatCount(2, 'branch', 'branches'), '2 branches');
  });
  it('never give a gap below the precision of doubles', () => {
    assert.equal(formatGap(-1.4e-16), '<\u200910⁻¹⁵');
    assert.equal(formatGap(3e-9), '3\u2009×\u200910⁻⁹');
  });
  it('in sentences of a record are written like all others', () => {
    assert.equal(typeset('gap 4.9e-10 on v1e5 of 3e+7.'), 'gap 4.9\u2009×\u200910⁻¹⁰ on v1e5 of 3\u2009×\u200910⁷.');
    assert.equal(typeset('Line 12 of a-1e2b.csv, 2 rows'), 'Line 12 of a-1e2b.csv, 2 rows');
  });
  it('read back within the digits that are shown', () => {
    const digits = '⁰¹²³⁴⁵⁶⁷⁸⁹';
    const back = (text: string): number => {
      const plain = text
        .replaceAll(',', '')
        .replaceAll('−', '-')
        .replace(/\u2009×\u2009/, '*')
        .replace(
          /10(⁻?)([⁰¹²³⁴⁵⁶⁷⁸⁹]+)$/,
          (_, sign: string, d: string) => `10^${sign ? '-' : ''}${[...d].map((c) => digits.indexOf(c)).join('')}`,
        );
      const power = /^(-?)(?:([\d.]+)\*)?10\^(-?\d+)$/.exec(plain);
      return power ? Number(`${power[1]}${power[2] ?? '1'}e${power[3]}`) : Number(plain);
    };
    fc.assert(
      fc.property(fc.double({ min: -1e12, max: 1e12, noNaN: true }), (value) => {
        fc.pre(value === 0 || Math.abs(value) > 1e-300);
        const error = Math.abs(back(formatNumber(value)) - value);
        assert.ok(error <= 6e-3 * Math.abs(value), `${value} became ${formatNumber(value)}`);
      }),
      { seed: 7, numRuns: 400 },
    );
  });
});

describe('ticks', () => {
  it('a range that is rounding has one tick, at once', () => {
    assert.deepEqual(linearTicks([1, 1 + 2 ** -52], 5), [1]);
    assert.deepEqual(linearTicks([-3e7, -3e7 * (1 - 1e-13)], 4), [-3e7]);
  });

  it('are ascending, inside the range and neither few nor many', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
        fc.integer({ min: 2, max: 10 }),
        (low, span, count) => {
          const ticks = linearTicks([low, low + span], count);
          assert.ok(ticks.length <= 3 * count + 1 && ticks.length >= 1, `${ticks.length} ticks`);
          ticks.forEach((tick, i) => {
            assert.ok(tick >= low - 1e-6 * span && tick <= low + span * (1 + 1e-6));
            if (i > 0) assert.ok(tick > ticks[i - 1]);
          });
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });
  it('on a log axis too', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -12, max: 8, noNaN: true }),
        fc.double({ min: 0.05, max: 14, noNaN: true }),
        fc.integer({ min: 2, max: 9 }),
        (start, decades, count) => {
          const range: [number, number] = [10 ** start, 10 ** (start + decades)];
          const ticks = logTicks(range, count);
          assert.ok(ticks.length >= 1 && ticks.length <= 10 * count, `${ticks.length} ticks`);
          ticks.forEach((tick, i) => {
            assert.ok(tick >= range[0] * 0.999 && tick <= range[1] * 1.001, `${tick} outside ${range.join(' ')}`);
            if (i > 0) assert.ok(tick > ticks[i - 1]);
          });
        },
      ),
      { seed: 2, numRuns: 300 },
    );
  });
  it('follow a fixed step where one is given', () => {
    assert.deepEqual(axisTicks({ label: '', step: 90 }, [0, 360], 3), [0, 90, 180, 270, 360]);
  });
});

describe('series', () => {
  it('keep what can be drawn, in the order of x, and remember where it came from', () => {
    const spec = { ...base, y: { label: 'y', log: true }, series: [points([3, 1, 2, NaN, 0], [1, 2, -1, 4, 5])] };
    const [drawn] = drawnSeries(spec);
    assert.deepEqual([...drawn.x], [0, 1, 3]);
    assert.deepEqual([...drawn.y], [5, 2, 1]);
    assert.deepEqual([...drawn.source], [4, 1, 0]);
  });
  it('share a legend entry by group and are hidden by it', () => {
    const spec = {
      ...base,
      series: ['a', 'b', 'c'].map((id) => ({ ...points([1], [1], id), group: id === 'c' ? 'two' : 'one' })),
    };
    assert.deepEqual(
      legendEntries(spec).map((entry) => [entry.label, entry.count]),
      [
        ['one', 2],
        ['two', 1],
      ],
    );
    assert.equal(drawnSeries(spec, new Set(['one'])).length, 1);
  });
  it('lie within the domains, guides included, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.double({ min: -1e9, max: 1e9, noNaN: true }), fc.double({ min: -1e9, max: 1e9, noNaN: true })),
          { maxLength: 40 },
        ),
        fc.double({ min: -1e9, max: 1e9, noNaN: true }),
        (pairs, guide) => {
          const spec: ChartSpec = {
            ...base,
            series: [
              points(
                pairs.map((p) => p[0]),
                pairs.map((p) => p[1]),
              ),
            ],
            guides: [{ axis: 'y', value: guide, label: '', tone: 'muted' }],
          };
          const drawn = drawnSeries(spec);
          const { x, y } = domains(spec, drawn);
          assert.ok(x[0] < x[1] && y[0] < y[1]);
          for (const [a, b] of pairs) assert.ok(a >= x[0] && a <= x[1] && b >= y[0] && b <= y[1]);
          assert.ok(guide >= y[0] && guide <= y[1]);
        },
      ),
      { seed: 3, numRuns: 200 },
    );
  });
  it('find the nearest point like a search through all', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 200 })), {
          minLength: 1,
          maxLength: 60,
        }),
        fc.integer({ min: 0, max: 300 }),
        fc.integer({ min: 0, max: 200 }),
        (pairs, px, py) => {
          const drawn = drawnSeries({
            ...base,
            series: [
              points(
                pairs.map((p) => p[0]),
                pairs.map((p) => p[1]),
              ),
            ],
          });
          const id = (v: number): number => v;
          const found = nearestPoint(drawn, { toX: id, toY: id, fromX: id }, { x: px, y: py }, 1e6);
          const best = Math.min(...pairs.map(([x, y]) => (x - px) ** 2 + (y - py) ** 2));
          assert.ok(found);
          const { x, y } = drawn[0];
          assert.equal((x[found.point] - px) ** 2 + (y[found.point] - py) ** 2, best);
        },
      ),
      { seed: 4, numRuns: 200 },
    );
  });
  it('are walked through by keys, from end to end and between series', () => {
    const drawn = drawnSeries({ ...base, series: [points([1, 2, 3], [1, 1, 1]), points([2.9, 9], [2, 2], 'b')] });
    let cursor = moveCursor(drawn, null, 'ArrowRight');
    assert.deepEqual(cursor, { series: 0, point: 0 });
    cursor = moveCursor(drawn, cursor, 'End');
    assert.deepEqual(cursor, { series: 0, point: 2 });
    assert.deepEqual(moveCursor(drawn, cursor, 'ArrowRight'), cursor);
    cursor = moveCursor(drawn, cursor, 'ArrowDown');
    assert.deepEqual(cursor, { series: 1, point: 0 });
    assert.equal(moveCursor(drawn, cursor, 'a'), null);
    assert.equal(moveCursor([], null, 'ArrowRight'), null);
  });
  it('are described with label, coordinates and their own words', () => {
    const spec = { ...base, series: [{ ...points([1], [2]), describe: () => 'line 7' }, points([], [], 'b')] };
    assert.equal(describePoint(spec, drawnSeries(spec)[0], 0), 'series a: x 1, y 2 (line 7)');
  });
});

describe('files', () => {
  const spec: ChartSpec = {
    ...base,
    x: { label: 'x, "quoted"' },
    series: [
      { ...points([1, 0.1 + 0.2], [2, 3]), describe: (i) => `line\n${i}` },
      { ...points([5], [6], 'b'), kind: 'line' },
    ],
    guides: [{ axis: 'y', value: 1, label: '<beta>', tone: 'muted' }],
  };
  it('hold every point at full precision as CSV, as another parser reads it', () => {
    const { header, rows } = v.parse(saveTableSchema, tableMessage('a.csv', chartTable(spec)));
    const { csv } = csvText([header, ...rows], 'neutralize');
    const { data, errors } = Papa.parse<string[]>(csv, { skipEmptyLines: true });
    assert.deepEqual(errors, []);
    assert.deepEqual(data[0], ['series', 'x, "quoted"', 'y', 'note']);
    assert.deepEqual(
      data.slice(1).map((row) => Number(row[1])),
      [0.1 + 0.2, 1, 5],
    );
    assert.equal(data[1][3], 'line\n1');
  });
  it('are SVG with escaped text', () => {
    const svg = pictureSvg(chartPicture(spec), printPalette('"A & B", sans-serif'));
    assert.ok(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"'));
    assert.ok(svg.includes('A &lt;title&gt; &amp; more') && svg.includes('&lt;beta&gt;'));
    assert.ok(!/NaN|undefined|Infinity/.test(svg));
    assert.ok(svg.includes('fill="#ffffff"'), 'on white');
    const [, width] = /width="(\d+)"/.exec(svg)!;
    assert.equal(Number(width), 800);
  });
});

describe('names of files', () => {
  it('are data, view, run and picture in 80 harmless characters', () => {
    assert.equal(fileName('penguins-duals-1f3a', 'dual-values'), 'penguins-duals-1f3a-dual-values');
    assert.equal(fileName('', 'a b'), 'a-b');
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), fc.string({ maxLength: 200 }), (stem, id) => {
        assert.match(`${fileName(stem, `x${id}`)}.png`, /^[\w.-]{1,80}$/);
      }),
      { seed: 6, numRuns: 200 },
    );
  });
});

describe('heat map', () => {
  const bits = (text: string): Uint8Array => Uint8Array.from(text, Number);
  const bands = ['0110', '1010', '1111'].map((text, i) => ({ label: `Neuron ${i}`, short: String(i), on: bits(text) }));
  it('orders rows by target or by pattern', () => {
    assert.deepEqual([...orderRows('data', [], [3, 1, 2])], [0, 1, 2]);
    assert.deepEqual([...orderRows('target', [], [3, 1, 2])], [1, 2, 0]);
    const on = bands.map((band) => band.on);
    assert.deepEqual([...orderRows('pattern', on, [0, 0, 0, 0])], [2, 1, 0, 3]);
  });
  it('says what is at its ends, which depends on the order', () => {
    assert.deepEqual(orderEnds('data', []), ['first row of the file', 'last row']);
    assert.deepEqual(orderEnds('target', []), ['smallest target', 'largest target']);
    assert.deepEqual(orderEnds('target', ['no', 'yes']), ['class no', 'class yes']);
    assert.ok(!orderEnds('pattern', []).some((words) => /first row|last row/.test(words)));
  });
  it('keeps every cell where there is room and their mean where there is not', () => {
    const model = heatmapModel(bands, orderRows('data', [], [0, 0, 0, 0]), String, orderEnds('data', []), {
      target: [0, 0, 0, 0],
      classes: [],
    });
    const full = reduceHeatmap(model, 100, 100);
    assert.deepEqual([full.columns, full.lines], [4, 3]);
    assert.deepEqual([...full.share], [0, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1]);
    const one = reduceHeatmap(model, 1, 1);
    assert.ok(Math.abs(one.share[0] - 8 / 12) < 1e-6);
  });
});

describe('surface', () => {
  it('draws borders exactly between different classes', () => {
    const model = surfaceModel({
      kind: 'surface',
      features: ['a', 'b'],
      x: [0, 1, 2],
      y: [0, 1],
      value: [0, 0, 1, 0, 0, 1],
      classes: ['p', 'q'],
      points: { x: [], y: [], target: [], split: [] },
      hinges: [],
    });
    assert.deepEqual([...model.borders], [1.5, -0.5, 1.5, 0.5, 1.5, 0.5, 1.5, 1.5]);
  });
  it('draws smooth contours where outputs are kept, and says how probable a class is', () => {
    const x = Array.from({ length: 21 }, (_, i) => -1 + i / 10);
    const circle = x.flatMap((b) => x.map((a) => a * a + b * b - 0.5));
    const shape = {
      kind: 'surface',
      features: ['a', 'b'],
      x,
      y: x,
      value: circle.map((z) => (z > 0 ? 1 : 0)),
      logits: circle,
      classes: ['in', 'out'],
      points: { x: [], y: [], target: [], split: [] },
      hinges: [],
    } as const;
    const model = surfaceModel(shape, 'each');
    assert.ok(model.borders.length > 100);
    for (let i = 0; i < model.borders.length; i += 2) {
      const [a, b] = [model.borders[i] / 10 - 1, model.borders[i + 1] / 10 - 1];
      assert.ok(Math.abs(Math.hypot(a, b) - Math.SQRT1_2) < 0.005, `${a} ${b}`);
    }
    const middle = classAt(model, 10, 10);
    assert.equal(middle.index, 0);
    assert.ok(Math.abs(middle.probability! - 1 / (1 + Math.exp(-0.5))) < 1e-12);
    assert.equal(classAt(surfaceModel(shape), 10, 10).probability, null, 'a loss without probabilities');
    // the same two classes by a pair of outputs
    const two = surfaceModel({ ...shape, logits: circle.flatMap((z) => [0, z]) }, 'together');
    assert.equal(two.borders.length, 2 * model.borders.length);
    assert.ok(Math.abs(classAt(two, 10, 10).probability! - 1 / (1 + Math.exp(-0.5))) < 1e-12);
  });
  it('has no more than one colour for each thing that is compared', () => {
    const palette = printPalette('sans-serif');
    const tones = ['training', 'test', 'bound', 'descent', 'descent-2', 'descent-3', 'network'] as const;
    assert.equal(new Set(tones.map((tone) => toneColor(palette, tone))).size, tones.length);
  });
});
