import { encodedName } from '../../../../src/core/data/scaling.ts';
import type { BranchRecord, DescentRunRecord, ThreeLayerRecord } from '../../../../src/shared/depth.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import type { ChartSpec, GuideSpec, SeriesSpec } from '../../../charts/spec.ts';
import type { SurfaceShape } from '../../../charts/surface/surfaceModel.ts';
import { formatCount, formatInteger, formatNumber } from '../../../ui/format.ts';
import type { Bar } from '../../../ui/pieces.tsx';
import { decodeOn } from '../../runData.ts';

export const branchName = (branch: BranchRecord): string => `Branch ${branch.id + 1}`;

/** Branches by share of the fit, largest first. */
export function byShare(deep: ThreeLayerRecord): readonly BranchRecord[] {
  return [...deep.branches].sort((a, b) => b.share - a.share || a.id - b.id);
}

/** Rows on which a set of bits is on. */
export const onRows = (bits: string, rows: number): Uint8Array => decodeOn({ on: bits }, rows);

export function onCount(bits: string, rows: number): number {
  return onRows(bits, rows).reduce((sum, on) => sum + on, 0);
}

/** At most this many branches are drawn in the heat map. */
export const maxBranches = 24;

/** Bands of the heat map: for each branch its inner neurons that are not zero, then the branch itself. */
export function tupleBands(
  run: RunRecord,
  deep: ThreeLayerRecord,
): { readonly branch: BranchRecord; readonly label: string; readonly short: string; readonly on: Uint8Array }[] {
  const rows = run.rows.line.length;
  return byShare(deep)
    .slice(0, maxBranches)
    .flatMap((branch) => [
      ...branch.first.flatMap((bits, j) =>
        branch.blockNorms[j] > 0
          ? [
              {
                branch,
                label: `${branch.id + 1}: D₁${deep.m1 > 1 ? subscript(j + 1) : ''} ${branch.innerSigns[j] > 0 ? '+' : '−'}`,
                short: `${branch.id + 1}.${j + 1}`,
                on: onRows(bits, rows),
              },
            ]
          : [],
      ),
      { branch, label: `${branch.id + 1}: D₂`, short: String(branch.id + 1), on: onRows(branch.second, rows) },
    ]);
}

const subscript = (value: number): string => [...String(value)].map((c) => '₀₁₂₃₄₅₆₇₈₉'[Number(c)]).join('');

/** Name of encoded input k, the bias last. */
export const inputName = (run: RunRecord, k: number): string => encodedName(run.scaling, k);

/** One selected block: a first-layer neuron of a branch. */
export interface Block {
  readonly branch: BranchRecord;
  readonly inner: number;
  readonly norm: number;
  /** Shares of the original columns, largest first. */
  readonly shares: readonly { readonly name: string; readonly share: number }[];
}

/** Blocks that the penalty left, by norm, with the share of each original column in the square of the norm. */
export function selectedBlocks(run: RunRecord, deep: ThreeLayerRecord): Block[] {
  const blocks: Block[] = [];
  for (const branch of deep.branches) {
    branch.blockNorms.forEach((norm, inner) => {
      if (!(norm > 0)) return;
      const of = new Map<string, number>();
      branch.features[inner].forEach((share, k) => {
        const column = run.scaling.inputs[k]?.column ?? 'bias';
        of.set(column, (of.get(column) ?? 0) + share);
      });
      const shares = [...of].map(([name, share]) => ({ name, share })).sort((a, b) => b.share - a.share);
      blocks.push({ branch, inner, norm, shares });
    });
  }
  return blocks.sort((a, b) => b.norm - a.norm);
}

/** Share of each original column in all blocks together, each block weighed by its norm. */
export function columnShares(blocks: readonly Block[]): Bar[] {
  const total = blocks.reduce((sum, { norm }) => sum + norm, 0) || 1;
  const of = new Map<string, number>();
  for (const { norm, shares } of blocks) {
    for (const { name, share } of shares) of.set(name, (of.get(name) ?? 0) + (norm * share) / total);
  }
  return [...of].map(([name, value]) => ({ name, value })).sort((a, b) => b.value - a.value);
}

/** Norms of the blocks, sorted: what is paid for, times beta. */
export function blockChart(blocks: readonly Block[]): ChartSpec {
  return {
    id: 'block-norms',
    title: 'Norms of the selected blocks',
    summary: 'One block is one first-layer neuron of a branch; beta times the sum of these norms is the penalty.',
    x: { label: 'blocks by norm', integer: true, min: 0.5, max: blocks.length + 0.5 },
    y: { label: 'norm ‖u‖', min: 0 },
    height: 260,
    empty: 'No block is selected.',
    series: [
      {
        id: 'norm',
        label: 'norm',
        kind: 'stems',
        x: blocks.map((_, i) => i + 1),
        y: blocks.map(({ norm }) => norm),
        tone: 0,
        describe: (i) => `${branchName(blocks[i].branch)}, inner neuron ${blocks[i].inner + 1}`,
      },
    ],
  };
}

/** The dual constraint of every tuple in play. */
export function priceChart(deep: ThreeLayerRecord): ChartSpec {
  const order = deep.prices.map((_, i) => i).sort((a, b) => deep.prices[b] - deep.prices[a] || a - b);
  const tight = (price: number): boolean => price >= 1 - 1e-6;
  const above = deep.prices.reduce((top, price) => Math.max(top, price), 0);
  const series = (id: string, label: string, active: boolean): SeriesSpec => {
    const at = order.flatMap((tuple, place) => (tight(deep.prices[tuple]) === active ? [place] : []));
    return {
      id,
      label,
      kind: 'points',
      x: at.map((place) => place + 1),
      y: at.map((place) => deep.prices[order[place]]),
      tone: active ? 1 : 0,
      mark: active ? 'square' : 'circle',
      hollow: !active,
      describe: (i) => `tuple ${formatInteger(order[at[i]] + 1)}`,
    };
  };
  return {
    id: 'tuple-prices',
    title: 'Price of each tuple',
    summary: `The most that a unit branch of the tuple could gain, over beta: at the optimum none is above 1 and those of the branches reach it. The largest is ${formatNumber(above, 8)}${above > 1 + 1e-3 ? ', so this solve is not at its optimum' : ''}.`,
    x: { label: 'tuples by price', integer: true, min: 0.5, max: deep.prices.length + 0.5 },
    y: { label: 'price over beta', min: 0 },
    height: 260,
    empty: 'No tuple is in play.',
    series: [series('tight', 'reaches beta', true), series('slack', 'below', false)].filter((s) => s.x.length > 0),
    guides: [{ axis: 'y', value: 1, label: 'beta', tone: 'foreground', dash: [] }],
  };
}

/** Proven lower bound over all networks of the architecture, when there is one. */
export function provenBound(run: RunRecord): number | null {
  const { global } = run.solution;
  return global && global.proof !== 'none' ? global.lowerBound : null;
}

/** Optimal value of a number of sampled tuples. */
export function budgetChart(run: RunRecord, budget: NonNullable<ThreeLayerRecord['budget']>): ChartSpec {
  const bound = provenBound(run);
  return {
    id: 'tuple-budget',
    title: 'Value against tuple budget',
    summary: 'Each point is the optimum of the program over that many sampled tuples: more tuples can only lower it.',
    x: { label: 'tuples', log: true, integer: true, format: (v) => formatNumber(v, 3) },
    y: { label: 'objective' },
    height: 260,
    series: [
      {
        id: 'budget',
        label: 'optimum of sampled tuples',
        kind: 'line-points',
        x: budget.map(({ tuples }) => tuples),
        y: budget.map(({ objective }) => objective),
        tone: 0,
        describe: (i) => `lower bound for these tuples ${formatNumber(budget[i].dualBound, 7)}`,
      },
    ],
    guides: [
      { axis: 'y', value: run.solution.objective, label: 'this run', tone: 1, dash: [] },
      // a bound far away would flatten the curve
      ...(bound === null || bound < 0.5 * run.solution.objective
        ? []
        : [{ axis: 'y', value: bound, label: 'proven bound', tone: 'muted', dash: [2, 3] } as const]),
    ],
  };
}

const dashes: readonly (readonly number[])[] = [[], [8, 4], [2, 3], [8, 3, 2, 3]];

/** Curves of gradient descent by number of branches, over the proven bound. */
export function descentRunsChart(run: RunRecord, runs: readonly DescentRunRecord[]): ChartSpec {
  const bound = provenBound(run);
  const values = runs.flatMap(({ objective }) => [...objective]);
  const guides: GuideSpec[] = [
    { axis: 'y', value: run.solution.objective, label: 'convex program', tone: 'foreground', dash: [] },
    ...(bound === null || bound <= 0
      ? []
      : [{ axis: 'y', value: bound, label: 'proven bound', tone: 'muted', dash: [2, 3] } as const]),
  ];
  const below =
    bound === null ? 0 : runs.filter(({ objective }) => objective.some((v) => v < bound * (1 - 1e-9))).length;
  return {
    id: 'descent-runs',
    title: 'Gradient descent by number of branches',
    summary:
      bound === null
        ? 'The same architecture and penalty (in its cubic form), trained by gradient descent.'
        : below === 0
          ? 'The same architecture and penalty (in its cubic form), trained by gradient descent: no curve goes below the proven bound.'
          : `${formatCount(below, 'curve')} below the bound: these numbers contradict each other.`,
    x: { label: 'epoch', integer: true, min: 0 },
    y: { label: 'objective', log: values.every((v) => v > 0) && run.solution.objective > 0 },
    height: 320,
    series: runs.map((trained, i) => ({
      id: `descent-${i}`,
      label: `K = ${trained.K}`,
      kind: 'line',
      x: trained.epochs,
      y: trained.objective,
      tone: ([0, 3, 2, 4, 5, 1] as const)[i % 6],
      dash: dashes[i % dashes.length],
      width: 1.8,
    })),
    guides,
  };
}

type Slice = NonNullable<ThreeLayerRecord['landscape']>[number];

/** A slice of the objective as a surface over two directions, on a log scale when all values are positive. */
export function sliceSurface({ size, span, value }: Slice): SurfaceShape {
  const axis = Array.from({ length: size }, (_, i) => span * ((2 * i) / (size - 1) - 1));
  const log = value.every((v) => v > 0);
  return {
    kind: 'surface',
    features: ['first direction', 'second direction'],
    x: axis,
    y: axis,
    // the slice has its first direction along the rows of the grid
    value: Array.from(value, (_, i) => {
      const v = value[(i % size) * size + Math.floor(i / size)];
      return log ? Math.log10(v) : v;
    }),
    classes: [],
    points: { x: [0], y: [0], target: [0], split: [0] },
    hinges: [],
  };
}

/** How far a slice is from a bowl: local minima on its grid, and the share of straight triples that bend down. */
export function sliceFacts({ size, value }: Slice): { readonly minima: number; readonly concave: number } {
  const at = (a: number, b: number): number => value[a * size + b];
  let minima = 0;
  let bent = 0;
  let triples = 0;
  const scale = value.reduce((top, v) => Math.max(top, Math.abs(v)), 0);
  for (let a = 0; a < size; a++) {
    for (let b = 0; b < size; b++) {
      let lowest = true;
      for (let da = -1; da <= 1 && lowest; da++) {
        for (let db = -1; db <= 1 && lowest; db++) {
          const [p, q] = [a + da, b + db];
          if ((da !== 0 || db !== 0) && p >= 0 && q >= 0 && p < size && q < size) lowest = at(a, b) < at(p, q);
        }
      }
      if (lowest) minima++;
      for (const [da, db] of [
        [1, 0],
        [0, 1],
      ]) {
        if (a - da < 0 || b - db < 0 || a + da >= size || b + db >= size) continue;
        triples++;
        if (at(a - da, b - db) + at(a + da, b + db) - 2 * at(a, b) < -1e-9 * scale) bent++;
      }
    }
  }
  return { minima, concave: triples > 0 ? bent / triples : 0 };
}

/** The alignment meter of a run of descent over training: 1 is what the optimum has. */
export function alignmentChart(
  trained: DescentRunRecord,
  alignment: NonNullable<DescentRunRecord['alignment']>,
): ChartSpec {
  const last = alignment[alignment.length - 1];
  const x = alignment.map(({ epoch }) => epoch + 1);
  return {
    id: 'descent-alignment',
    title: `Alignment of the layers over training (K = ${trained.K}, ${trained.optimizer})`,
    summary: `At the optimum both are 1. Training ends at ${formatNumber(last.columns, 4)} for the neurons of a branch and ${formatNumber(last.balance, 4)} for its layers; branches count by their norm.`,
    x: { label: 'epoch + 1', log: true },
    y: { label: 'alignment', min: 0, max: 1 },
    height: 240,
    series: [
      {
        id: 'columns',
        label: 'neurons: cosine of |w₂| and the norms of W₁',
        kind: 'line-points',
        x,
        y: alignment.map(({ columns }) => columns),
        tone: 0,
      },
      {
        id: 'balance',
        label: 'layers: smallest norm over largest',
        kind: 'line-points',
        x,
        y: alignment.map(({ balance }) => balance),
        tone: 1,
        mark: 'square',
        dash: [6, 3],
      },
    ],
  };
}
