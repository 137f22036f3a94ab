import type { Cell } from '../../src/study/axes.ts';
import { drawColumns, spreadOf } from '../../src/study/summary.ts';
import type { AxisSpec, ChartSpec, SeriesSpec, Tone } from '../charts/spec.ts';
import { formatCount } from '../ui/format.ts';

/** The table of a study as the page has it. */
export interface StudyData {
  readonly own: readonly string[];
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** What is drawn. `colour` and `facet` may be empty: none. */
export interface FigureChoice {
  readonly x: string;
  readonly y: string;
  readonly colour: string;
  readonly facet: string;
  readonly logX: boolean;
  readonly logY: boolean;
  /** Every task as a point of its own, besides the medians. */
  readonly points: boolean;
}

/** A chart of one facet, and which task each of its points is. */
export interface StudyFigure {
  readonly spec: ChartSpec;
  keyOf(series: string, index: number): string | undefined;
}

/** Facets and colours beyond these are not drawn, and that is said. */
export const [mostFacets, mostColours] = [12, 12];

const text = (cell: Cell): string => (cell === null ? 'none' : String(cell));

/** Columns that hold a number somewhere and can stand on the y axis; those that tell tasks apart cannot. */
export function figureColumns({ own, columns, rows }: StudyData): string[] {
  return columns.filter(
    (name, k) => name !== 'task' && !own.includes(name) && rows.some((row) => typeof row[k] === 'number'),
  );
}

/** Columns of tasks that have more than one value here. */
export function variedColumns({ own, columns, rows }: StudyData): string[] {
  return own.filter((name) => {
    const k = columns.indexOf(name);
    return new Set(rows.map((row) => row[k])).size > 1;
  });
}

/** What a person would look at first: the test score over the numbers that were varied. */
export function firstChoice(data: StudyData): FigureChoice {
  const varied = variedColumns(data);
  const draws: readonly string[] = drawColumns;
  const chosen = varied.filter((name) => !draws.includes(name));
  const isNumber = (name: string): boolean => {
    const k = data.columns.indexOf(name);
    return data.rows.some((row) => typeof row[k] === 'number');
  };
  const figures = figureColumns(data);
  const x = chosen.find(isNumber) ?? chosen[0] ?? varied[0] ?? data.own[0] ?? 'task';
  const others = chosen.filter((name) => name !== x);
  const colour = others.find((name) => name !== 'data' && name !== 'target') ?? '';
  const facet = others.find((name) => name !== colour) ?? '';
  const y = figures.includes('test') ? 'test' : (figures[0] ?? 'objective');
  return { x, y, colour, facet, logX: x === 'beta.value', logY: false, points: true };
}

/** Values of a column in the order of a person: numbers by size, others as they come. */
function valuesOf({ columns, rows }: StudyData, name: string): Cell[] {
  if (name === '') return [null];
  const k = columns.indexOf(name);
  const values = [...new Set(rows.map((row) => row[k]))];
  return values.every((value) => typeof value === 'number') ? [...values].sort((a, b) => a - b) : values;
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly key: string;
}

/** Median and range at every x, and the points they are of. @returns one figure per facet */
export function studyFigures(data: StudyData, choice: FigureChoice): StudyFigure[] {
  const at = (name: string): number => data.columns.indexOf(name);
  const [xAt, yAt, keyAt] = [at(choice.x), at(choice.y), at('key')];
  const names = valuesOf(data, choice.x);
  const numeric = names.some((value) => typeof value === 'number');
  const xOf = (cell: Cell): number => (numeric ? (typeof cell === 'number' ? cell : NaN) : names.indexOf(cell));
  const places = (rows: StudyData['rows']): Place[] =>
    rows.flatMap((row) => {
      const y = row[yAt];
      if (typeof y !== 'number' || (choice.logY && y <= 0)) return [];
      return [{ x: xOf(row[xAt]), y, key: String(row[keyAt]) }];
    });
  const withValue = (rows: StudyData['rows'], name: string, value: Cell): StudyData['rows'] =>
    name === '' ? rows : rows.filter((row) => row[at(name)] === value);
  const facets = valuesOf(data, choice.facet).slice(0, mostFacets);
  const colours = valuesOf(data, choice.colour).slice(0, mostColours);
  const x: AxisSpec = numeric
    ? { label: choice.x, log: choice.logX }
    : { label: choice.x, min: -0.5, max: names.length - 0.5, step: 1, format: (value) => text(names[value] ?? '') };
  const extent = rangeOf(places(data.rows), choice.logY);
  const y: AxisSpec = { label: labelOfY(data, choice.y), log: choice.logY, ...(facets.length > 1 ? extent : {}) };
  return facets.map((facet, f) => {
    const series: SeriesSpec[] = [];
    const keys = new Map<string, readonly string[]>();
    colours.forEach((colour, c) => {
      const found = places(withValue(withValue(data.rows, choice.facet, facet), choice.colour, colour));
      if (found.length === 0) return;
      const label = choice.colour === '' ? choice.y : text(colour);
      const look: Look = { id: `${c}`, label, tone: (c % 6) as Tone, dashed: c >= 6, points: choice.points };
      for (const one of seriesOf(found, look)) {
        series.push(one.spec);
        keys.set(one.spec.id, one.keys);
      }
    });
    return {
      spec: {
        id: `study-${choice.y}-${f}`.replace(/[^\w-]/g, '-'),
        title: choice.facet === '' ? `${choice.y} against ${choice.x}` : `${choice.facet}: ${text(facet)}`,
        summary: summaryOf(data, choice),
        x,
        y,
        series,
        empty: 'No task with these values has ended.',
      },
      keyOf: (id, index) => keys.get(id)?.[index],
    };
  });
}

interface Look {
  readonly id: string;
  readonly label: string;
  readonly tone: Tone;
  readonly dashed: boolean;
  readonly points: boolean;
}

/** Band from least to most, line of medians, and points; `keys` are of the tasks, where a point is one. */
function seriesOf(
  found: readonly Place[],
  { id, label, tone, dashed, points }: Look,
): { spec: SeriesSpec; keys: readonly string[] }[] {
  const groups = new Map<number, Place[]>();
  for (const place of found) {
    if (Number.isNaN(place.x)) continue;
    const known = groups.get(place.x);
    if (known) known.push(place);
    else groups.set(place.x, [place]);
  }
  const xs = [...groups.keys()].sort((a, b) => a - b);
  const spreads = xs.map((x) => spreadOf(groups.get(x)!.map(({ y }) => y))!);
  const common = { group: label, tone } as const;
  const band: SeriesSpec = {
    ...common,
    id: `range-${id}`,
    label: `${label}, range`,
    kind: 'band',
    x: xs,
    y: spreads.map(({ least }) => least),
    upper: spreads.map(({ most }) => most),
  };
  const line: SeriesSpec = {
    ...common,
    id: `median-${id}`,
    label: `${label}, median`,
    kind: 'line-points',
    ...(dashed ? { dash: [6, 4] } : {}),
    x: xs,
    y: spreads.map(({ median }) => median),
    describe: (i) => `median of ${formatCount(spreads[i].count, 'task')}`,
  };
  // a median of one task is that task
  const single = xs.map((x) => (groups.get(x)!.length === 1 ? groups.get(x)![0].key : ''));
  const several = spreads.some(({ count }) => count > 1);
  const cloud: SeriesSpec = {
    ...common,
    id: `task-${id}`,
    label: `${label}, tasks`,
    kind: 'points',
    hollow: true,
    x: found.map((place) => place.x),
    y: found.map((place) => place.y),
    describe: () => 'one task; opens its run',
  };
  return [
    ...(several ? [{ spec: band, keys: [] }] : []),
    { spec: line, keys: single },
    ...(several && points ? [{ spec: cloud, keys: found.map(({ key }) => key) }] : []),
  ];
}

/** The same ends for all facets. */
function rangeOf(found: readonly Place[], log: boolean): { readonly min?: number; readonly max?: number } {
  const spread = spreadOf(found.map(({ y }) => y));
  if (spread === undefined) return {};
  const { least, most } = spread;
  if (log) return { min: least / 1.1, max: most * 1.1 };
  const room = most > least ? 0.06 * (most - least) : Math.max(1e-12, 0.1 * Math.abs(most));
  return { min: least - room, max: most + room };
}

/** Scores carry the name of their measure where all rows have the same. */
function labelOfY({ columns, rows }: StudyData, name: string): string {
  if (name !== 'train' && name !== 'test') return name;
  const k = columns.indexOf('measure');
  const measures = [...new Set(rows.map((row) => row[k]).filter((cell) => cell !== null))];
  return measures.length === 1 ? `${name}: ${text(measures[0])}` : name;
}

/** What the medians are over, so that nothing is mixed unsaid. */
function summaryOf(data: StudyData, { x, colour, facet }: FigureChoice): string {
  const over = variedColumns(data).filter((name) => name !== x && name !== colour && name !== facet);
  const lines =
    over.length === 0 ? 'Every point is one task.' : `Line: median; band: least to most over ${over.join(', ')}.`;
  const left = [
    ...(facet !== '' && valuesOf(data, facet).length > mostFacets
      ? [`Only the first ${mostFacets} values of ${facet} are drawn.`]
      : []),
    ...(colour !== '' && valuesOf(data, colour).length > mostColours
      ? [`Only the first ${mostColours} values of ${colour} are drawn.`]
      : []),
  ];
  return [lines, ...left].join(' ');
}
