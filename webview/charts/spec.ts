/**
 * What a chart shows, as data: views build it, `chartInk` turns it into strokes for canvas and SVG, the exporters write it as CSV, and the
 * table lists it. Nothing here touches the DOM.
 */

/** What is compared in these pictures, each with one colour everywhere: rows, bounds, and what others train. */
export type Concept = 'training' | 'test' | 'bound' | 'descent' | 'descent-2' | 'descent-3';
/** A colour by meaning; the palette of the theme turns it into a value. `network` is the network of the run itself. */
export type Tone = 0 | 1 | 2 | 3 | 4 | 5 | Concept | 'network' | 'foreground' | 'muted' | 'good' | 'bad';
export type MarkShape = 'circle' | 'square' | 'triangle' | 'diamond' | 'cross';

export interface AxisSpec {
  readonly label: string;
  readonly log?: boolean;
  /** Fixed ends; otherwise the data and the guides decide. */
  readonly min?: number;
  readonly max?: number;
  /** Distance between ticks; otherwise round numbers that fit. */
  readonly step?: number;
  /** Only whole numbers get ticks. */
  readonly integer?: boolean;
  readonly format?: (value: number) => string;
}

export interface SeriesSpec {
  readonly id: string;
  readonly label: string;
  /** Series of one group share a legend entry, which shows and hides them together. */
  readonly group?: string;
  readonly kind: 'line' | 'step' | 'points' | 'line-points' | 'stems' | 'band';
  /** Any order, duplicates allowed. Pairs with a NaN are left out; on a log axis pairs that are not positive too. */
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** Of a band: its upper edge; `y` is the lower one. */
  readonly upper?: ArrayLike<number>;
  readonly tone: Tone;
  readonly dash?: readonly number[];
  readonly width?: number;
  readonly mark?: MarkShape;
  readonly hollow?: boolean;
  /** Words for point i, added to its coordinates. */
  readonly describe?: (i: number) => string;
}

/** A labelled straight line across the plot. */
export interface GuideSpec {
  readonly axis: 'x' | 'y';
  readonly value: number;
  readonly label: string;
  readonly tone: Tone;
  readonly dash?: readonly number[];
}

export interface ChartSpec {
  /** Also the name of exported files. */
  readonly id: string;
  readonly title: string;
  /** One or two sentences: what to see here. */
  readonly summary: string;
  /** What picking a point does, as a sentence; said where points can be picked, which a file is not. */
  readonly action?: string;
  readonly x: AxisSpec;
  readonly y: AxisSpec;
  readonly series: readonly SeriesSpec[];
  readonly guides?: readonly GuideSpec[];
  /** A unit is as long on one axis as on the other (both linear): circles are drawn as circles. */
  readonly equalUnits?: boolean;
  /** Height of the drawing in pixels. */
  readonly height?: number;
  /** Shown in place of an empty drawing. */
  readonly empty?: string;
}

/** The pairs of a series that can be drawn, ordered by x. */
export interface DrawnSeries {
  readonly spec: SeriesSpec;
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly upper?: Float64Array;
  /** Index into the series as given. */
  readonly source: Int32Array;
}

/** Keeps what can be drawn on the axes and orders it by x (stable). */
export function drawnSeries(chart: ChartSpec, hidden: ReadonlySet<string> = new Set()): DrawnSeries[] {
  return chart.series
    .filter((spec) => !hidden.has(spec.group ?? spec.id))
    .map((spec) => {
      const n = Math.min(spec.x.length, spec.y.length);
      const all = new Int32Array(n);
      let kept = 0;
      for (let i = 0; i < n; i++) {
        const x = spec.x[i];
        const y = spec.y[i];
        if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
        if ((chart.x.log && x <= 0) || (chart.y.log && y <= 0)) continue;
        all[kept++] = i;
      }
      const source = all.subarray(0, kept);
      let sorted = true;
      for (let k = 1; k < kept && sorted; k++) sorted = spec.x[source[k - 1]] <= spec.x[source[k]];
      if (!sorted) source.sort((a, b) => spec.x[a] - spec.x[b] || a - b);
      return {
        spec,
        x: taken(spec.x, source),
        y: taken(spec.y, source),
        ...(spec.upper === undefined ? {} : { upper: taken(spec.upper, source) }),
        source,
      };
    });
}

function taken(values: ArrayLike<number>, at: Int32Array): Float64Array {
  const out = new Float64Array(at.length);
  for (let k = 0; k < at.length; k++) out[k] = values[at[k]];
  return out;
}

export type Range = readonly [number, number];

function extent(axis: AxisSpec, lists: readonly ArrayLike<number>[], pad: number): Range {
  let low = Infinity;
  let high = -Infinity;
  for (const values of lists) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (!Number.isFinite(value) || (axis.log && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) [low, high] = axis.log ? [0.1, 10] : [0, 1];
  if (axis.log) {
    const room = low === high ? 2 : (high / low) ** pad;
    low /= room;
    high *= room;
  } else {
    const room = low === high ? Math.max(Math.abs(low) * 0.1, 0.5) : (high - low) * pad;
    low -= room;
    high += room;
  }
  return [axis.min ?? low, axis.max ?? high];
}

/** Ranges of both axes that hold all drawn series and guides. */
export function domains(chart: ChartSpec, drawn: readonly DrawnSeries[]): { readonly x: Range; readonly y: Range } {
  const along = (axis: 'x' | 'y'): ArrayLike<number>[] => [
    ...drawn.flatMap((series) => [
      series[axis],
      ...(axis === 'y' && series.upper ? [series.upper] : []),
      ...(axis === 'y' && series.spec.kind === 'stems' && series.y.length > 0 ? [[0]] : []),
    ]),
    (chart.guides ?? []).flatMap((guide) => (guide.axis === axis ? [guide.value] : [])),
  ];
  const lines = drawn.some((series) => series.spec.kind !== 'line' && series.spec.kind !== 'step');
  return { x: extent(chart.x, along('x'), lines ? 0.03 : 0.01), y: extent(chart.y, along('y'), 0.06) };
}

/** Widens one of the ranges about its middle so that a unit has the same length on both axes of a plot of this size. */
export function withEqualUnits(
  domain: { readonly x: Range; readonly y: Range },
  width: number,
  height: number,
): { readonly x: Range; readonly y: Range } {
  const perPixel = Math.max((domain.x[1] - domain.x[0]) / width, (domain.y[1] - domain.y[0]) / height);
  const around = ([low, high]: Range, pixels: number): Range => {
    const middle = (low + high) / 2;
    const half = (perPixel * pixels) / 2;
    return [middle - half, middle + half];
  };
  return { x: around(domain.x, width), y: around(domain.y, height) };
}

/** A range is none when it is narrower than this, relative to its ends. */
const nothing = 1e-11;

/** About `count` round numbers inside the range, at 1, 2 or 5 times a power of ten. */
export function linearTicks([low, high]: Range, count: number, integer = false): number[] {
  const span = high - low;
  // multiples of a step below the digits of the numbers cannot be counted, nor told apart
  if (!(span > nothing * Math.max(Math.abs(low), Math.abs(high)))) return [low];
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const rounds = [0.2, 0.5, 1, 2, 5, 10];
  const multiples = (at: number): number[] => {
    const step = integer ? Math.max(1, Math.round(rounds[at] * power)) : rounds[at] * power;
    const ticks: number[] = [];
    // Multiples of an integer, so that 0.30000000000000004 never shows.
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * span; k++)
      ticks.push(Number((k * step).toPrecision(12)));
    return ticks;
  };
  let at = rounds.findIndex((m) => m >= 1 && m * power >= rough * 0.999);
  if (at < 0) at = rounds.length - 1;
  // one tick alone gives no scale
  while (count >= 2 && at > 0 && multiples(at).length < 2) at--;
  return multiples(at);
}

/** Whether errors are better told apart on a log axis: all above zero, and the largest more than ten times the smallest. */
export function spansDecades(values: readonly number[]): boolean {
  const known = values.filter(Number.isFinite);
  const least = known.reduce((a, b) => Math.min(a, b), Infinity);
  return least > 0 && known.some((value) => value > 10 * least);
}

/** Powers of ten, thinned or filled with 2 and 5 so that about `count` remain. */
export function logTicks([low, high]: Range, count: number): number[] {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const decades = last - first + 1;
  if (decades > count) {
    const stride = Math.ceil(decades / count);
    return Array.from({ length: decades }, (_, i) => first + i)
      .filter((e) => e % stride === 0)
      .map((e) => Number(`1e${e}`));
  }
  // The coarsest set of round multiples that gives a few ticks.
  for (const multiples of [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 8]]) {
    const ticks: number[] = [];
    for (let e = first - 1; e <= last; e++) {
      for (const m of multiples) {
        const tick = Number(`${m}e${e}`);
        if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push(tick);
      }
    }
    if (ticks.length >= Math.min(3, count)) return ticks;
  }
  const linear = linearTicks([low, high], count).filter((t) => t > 0);
  return linear.length > 0 ? linear : [low, high];
}

export function axisTicks(axis: AxisSpec, range: Range, count: number): number[] {
  if (axis.step !== undefined) {
    const { step } = axis;
    const first = Math.ceil(range[0] / step - 1e-9);
    const ticks = Math.floor(range[1] / step + 1e-9) - first + 1;
    return Array.from({ length: Math.max(0, ticks) }, (_, i) => (first + i) * step);
  }
  return axis.log ? logTicks(range, count) : linearTicks(range, count, axis.integer);
}

/** Legend entries: one per group, in order. */
export function legendEntries(
  chart: ChartSpec,
): { readonly key: string; readonly label: string; readonly spec: SeriesSpec; readonly count: number }[] {
  const entries = new Map<string, { key: string; label: string; spec: SeriesSpec; count: number }>();
  for (const spec of chart.series) {
    const key = spec.group ?? spec.id;
    const entry = entries.get(key);
    if (entry) entry.count += spec.kind === 'band' ? 0 : 1;
    else entries.set(key, { key, label: spec.group ?? spec.label, spec, count: 1 });
  }
  return [...entries.values()];
}
