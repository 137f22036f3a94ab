import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exportRun } from '../../src/session/exportRun.ts';
import { predictOn } from '../../src/session/predictOn.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import type { TrainSettings } from '../../src/shared/settings.ts';
import { everyFamilyAndTask, smallFile } from '../support/everyFamily.ts';
import { memorySource } from '../support/memorySource.ts';
import { type AnyTensor, decodeOnnx } from '../support/onnxDecoder.ts';
import { runOnnxOn } from '../support/onnxRuntime.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const cellsOf = (csv: string): string[][] =>
  csv
    .trim()
    .split(/\r?\n/)
    .map((line) => line.split(','));

/** The file as the inputs of a graph: numbers as numbers, empty cells as NaN, texts as they are. */
function inputsOf(graph: ReturnType<typeof decodeOnnx>, csv: string): Map<string, AnyTensor> {
  const [names, ...rows] = cellsOf(csv);
  return new Map(
    graph.inputs.map(({ name, type, columns }) => {
      assert.equal(columns, 1);
      const cells = rows.map((row) => row[names.indexOf(name)]);
      const data = type === 8 ? cells : Float64Array.from(cells, (cell) => (cell === '' ? NaN : Number(cell)));
      return [name, { dims: [rows.length, 1], data }];
    }),
  );
}

/** Trains, and compares what the graph says of the raw cells with what `predict` writes of the same file. */
async function agrees(csv: string, change: Partial<TrainSettings>): Promise<RunRecord> {
  const run = await testSession(memorySource(csv)).train({ ...quickSettings, ...change }, listen(), running);
  const [header, ...lines] = cellsOf((await predictOn(run, memorySource(csv), running, 'keep'))!.csv);
  const [line, predicted] = ['line', header.find((name) => name.startsWith('predict'))!].map((name) =>
    header.indexOf(name),
  );
  const classes = run.resolved.classes.length > 0;
  for (const [what, tolerance] of [
    ['onnx-raw', 1e-9],
    ['onnx-raw-float32', 2e-4],
  ] as const) {
    const file = exportRun(run, what) as Uint8Array;
    const graph = decodeOnnx(file);
    const used = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
    for (const name of [...graph.initializers.keys(), ...graph.texts.keys()]) assert.ok(used.has(name), name);
    const found = await runOnnxOn(file, inputsOf(graph, csv));
    const Y = found.get('Y')!.data as Float64Array;
    const { outputs } = run.resolved;
    lines.forEach((cells) => {
      const row = Number(cells[line]) - 2;
      const wanted = cells[predicted];
      if (classes) assert.equal(found.get('label')!.data[row], wanted, `${what}, row ${row}`);
      else if (wanted === '') assert.ok(Number.isNaN(Y[row]), `${what}, row ${row}`);
      else
        assert.ok(
          Math.abs(Y[row] - Number(wanted)) <= tolerance * (1 + Math.abs(Number(wanted))),
          `${what}, row ${row}`,
        );
    });
    run.rows.line.forEach((at, row) => {
      for (let k = 0; k < outputs; k++) {
        const [own, its] = [run.rows.prediction[row * outputs + k], Y[(at - 2) * outputs + k]];
        assert.ok(Math.abs(own - its) <= tolerance * (1 + Math.abs(own)), `${what}, line ${at}: ${its}, ${own}`);
      }
    });
  }
  return run;
}

/** Numbers, far from zero too, of two and three categories in more than one spelling, with gaps in all of them. */
const mixed = [
  'year,Y,kind,side,"net/x",three,target'.replaceAll('"', ''),
  ...Array.from({ length: 45 }, (_, i) => {
    const kind = i % 13 === 5 ? '' : ['red', 'Green', 'blue'][i % 3];
    const side = i % 17 === 2 ? 'n/a' : i % 2 ? 'left' : i % 4 ? 'RIGHT' : 'right';
    const y = (Math.sin(i) * 3 + (i % 3) * 2 + 0.01 * i).toFixed(3);
    return [
      1960 + i,
      i % 11 === 3 ? '' : (7 * Math.sin(i)).toFixed(2),
      kind,
      side,
      i % 5,
      ['p', 'q', 'r'][i % 3],
      y,
    ].join(',');
  }),
].join('\n');

describe('ONNX that takes the columns of the file', () => {
  it('fills gaps as training did, and knows categories by their spellings', async () => {
    const run = await agrees(mixed, {
      target: 'target',
      features: ['year', 'kind', 'side', 'net/x'],
      missing: 'impute',
      columnTypes: { 'net/x': 'classes' },
    });
    assert.ok(new Set(run.scaling.inputs.map(({ column }) => column)).size === 4);
  });

  it('says nothing of rows that training left out for their gaps', async () => {
    const run = await agrees(mixed, { target: 'target', features: ['year', 'kind', 'side'], missing: 'drop' });
    const file = exportRun(run, 'onnx-raw') as Uint8Array;
    const graph = decodeOnnx(file);
    const { data } = (await runOnnxOn(file, inputsOf(graph, mixed))).get('Y')!;
    assert.ok(Number.isNaN(data[5]) && !Number.isNaN(data[6]));
    assert.deepEqual([graph.opset, graph.mlOpset, graph.irVersion], [13, 2, 8]);
    assert.deepEqual(JSON.parse(graph.metadata.inputs), ['year', 'kind', 'side']);
  });

  it('of every family and task, whitened too', async () => {
    for (const change of Object.values(everyFamilyAndTask)) await agrees(smallFile, change);
  });

  it('no column takes the name of an output', async () => {
    const run = await testSession(memorySource(mixed)).train(
      { ...quickSettings, target: 'target', features: ['Y', 'net/x'], missing: 'impute' },
      listen(),
      running,
    );
    const file = exportRun(run, 'onnx-raw') as Uint8Array;
    const graph = decodeOnnx(file);
    assert.deepEqual([graph.inputs.map(({ name }) => name), graph.output.name], [['Y', 'net/x'], '_Y']);
    assert.ok((await runOnnxOn(file, inputsOf(graph, mixed))).get('_Y')!.data.every(Number.isFinite));
  });

  it('refuses dates with the way out', async () => {
    const csv = [
      'when,y',
      ...Array.from({ length: 20 }, (_, i) => `2021-01-${String(i + 1).padStart(2, '0')},${i % 7}`),
    ].join('\n');
    const run = await testSession(memorySource(csv)).train({ ...quickSettings, target: 'y' }, listen(), running);
    assert.throws(() => exportRun(run, 'onnx-raw'), /"when" holds dates.*encoded inputs.*Python module/);
    assert.ok(exportRun(run, 'onnx-float32').length > 0);
  });
});
