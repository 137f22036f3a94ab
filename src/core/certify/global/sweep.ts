import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import type { Control } from '../../base/control.ts';
import type { HingeSum } from './hingeSum.ts';

/** Maximum of a hinge sum and where it is attained (coordinates of the hinge sum). */
export interface HingeMaximum {
  readonly value: number;
  readonly at: Float64Array;
  /** Linear pieces (cells of the arrangement of the rows) that were visited. */
  readonly cells: number;
}

/**
 * The exact maximum of h over the unit ball where sorting settles it: rank 1, rank 2 (all critical angles in order, O(n log n)), and
 * with a free bias one or two features (O(n log n) and O(n^2 log n)). Undefined for higher ranks or when stopped. The true maximum is
 * at most `value` + h.slack.
 */
export function sweepMaximum(h: HingeSum, control: Control): HingeMaximum | undefined {
  const free = h.dim > h.penalized;
  if (h.penalized === 0) return { value: 0, at: new Float64Array(h.dim), cells: 1 };
  if (h.penalized > 2) return undefined;
  if (!free) return h.penalized === 1 ? line(h) : circle(h.linear, h.gain, h.loss);
  return h.penalized === 1 ? freeLine(h) : freePlane(h, control);
}

function line(h: HingeSum): HingeMaximum {
  let best: HingeMaximum = { value: -Infinity, at: new Float64Array(1), cells: 2 };
  for (const s of [1, -1]) {
    let value = s * h.linear[0];
    for (let i = 0; i < h.gain.rows; i++) value += Math.max(0, s * h.gain.data[i]);
    for (let i = 0; i < h.loss.rows; i++) value -= Math.max(0, s * h.loss.data[i]);
    if (value > best.value) best = { value, at: Float64Array.of(s), cells: 2 };
  }
  return best.value > 0 ? best : { value: 0, at: new Float64Array(1), cells: 2 };
}

/** Sweeps the unit circle; the slope of h changes by one row at each critical angle, of which every row has two. */
function circle(linear: Float64Array, gain: DenseMatrix, loss: DenseMatrix): HingeMaximum {
  const m = gain.rows + loss.rows;
  let best = 0;
  let bestAngle = NaN;
  const consider = (value: number, angle: number): void => {
    if (value > best) [best, bestAngle] = [value, angle];
  };
  const angles = new Float64Array(2 * m);
  for (let e = 0; e < m; e++) {
    const [rows, i] = e < gain.rows ? [gain, e] : [loss, e - gain.rows];
    // the row is on for angles within pi / 2 of its own
    const own = Math.atan2(rows.data[2 * i + 1], rows.data[2 * i]);
    angles[e] = wrap(own - Math.PI / 2);
    angles[m + e] = wrap(own + Math.PI / 2);
  }
  const order = Float64Array.from({ length: 2 * m }, (_, e) => e).sort((a, b) => angles[a] - angles[b]);
  // slope on the arc before the first critical angle: a row is on there if its "off" angle comes before its "on" angle
  const g = [linear[0], linear[1]];
  const apply = (e: number, sign: number): void => {
    const [rows, i, s] = e < gain.rows ? [gain, e, sign] : [loss, e - gain.rows, -sign];
    g[0] += s * rows.data[2 * i];
    g[1] += s * rows.data[2 * i + 1];
  };
  for (let e = 0; e < m; e++) if (angles[m + e] < angles[e]) apply(e, 1);
  let cells = 0;
  let from = m === 0 ? 0 : angles[order[2 * m - 1]] - 2 * Math.PI;
  for (let k = 0; k <= 2 * m; k++) {
    const to = k < 2 * m ? angles[order[k]] : m === 0 ? 2 * Math.PI : angles[order[0]] + 2 * Math.PI;
    if (k === 2 * m && m > 0) break;
    if (to - from > 1e-12) cells++;
    // the slope's own angle, taken to the turn that the arc is in
    let own = Math.atan2(g[1], g[0]);
    own += 2 * Math.PI * Math.ceil((from - 1e-9 - own) / (2 * Math.PI));
    // an angle a little outside the arc changes the value in the second order only
    if (own <= to + 1e-9) consider(Math.hypot(g[0], g[1]), own);
    consider(g[0] * Math.cos(to) + g[1] * Math.sin(to), to);
    if (k < 2 * m) {
      const e = order[k];
      apply(e % m, e < m ? 1 : -1);
    }
    from = to;
  }
  const at = Number.isNaN(bestAngle) ? new Float64Array(2) : Float64Array.of(Math.cos(bestAngle), Math.sin(bestAngle));
  return { value: best, at, cells };
}

/** To (-pi, pi]. */
function wrap(angle: number): number {
  if (angle > Math.PI) return angle - 2 * Math.PI;
  return angle <= -Math.PI ? angle + 2 * Math.PI : angle;
}

/** One feature and a free bias: for slope +-1 the value is piecewise linear in the bias with kinks at the rows. */
function freeLine(h: HingeSum): HingeMaximum {
  const rows = [...kinks(h.gain, 1), ...kinks(h.loss, -1)];
  let best = 0;
  const at = new Float64Array(2);
  for (const s of [1, -1]) {
    // rows switch on in descending order of s x as the bias grows
    rows.sort((a, b) => s * (b.x - a.x));
    let value = 0;
    let mass = 0;
    for (let k = 0; k < rows.length; k++) {
      if (k > 0) value += mass * s * (rows[k - 1].x - rows[k].x);
      if (value > best) {
        best = value;
        at[0] = s;
        at[1] = -s * rows[k].x;
      }
      mass += rows[k].weight;
    }
  }
  return { value: best, at, cells: 2 * new Set(rows.map((row) => row.x)).size };
}

function kinks(m: DenseMatrix, sign: number): { x: number; weight: number }[] {
  return Array.from({ length: m.rows }, (_, i) => {
    const weight = m.data[2 * i + 1];
    return { x: m.data[2 * i] / weight, weight: sign * weight };
  });
}

/** Two features and a free bias: h is concave in the bias at its best value, so that the boundary passes through a row of `loss`. */
function freePlane(h: HingeSum, control: Control): HingeMaximum | undefined {
  let best: HingeMaximum = { value: 0, at: new Float64Array(3), cells: 0 };
  let cells = 0;
  const nothing = new Float64Array(2);
  const shift = (rows: DenseMatrix, x: number, y: number): DenseMatrix => {
    const out = denseMatrix(rows.rows, 2);
    for (let i = 0; i < rows.rows; i++) {
      const weight = rows.data[3 * i + 2];
      out.data[2 * i] = rows.data[3 * i] - weight * x;
      out.data[2 * i + 1] = rows.data[3 * i + 1] - weight * y;
    }
    return out;
  };
  for (let k = 0; k < h.loss.rows; k++) {
    if (control.shouldStop()) return undefined;
    const x = h.loss.data[3 * k] / h.loss.data[3 * k + 2];
    const y = h.loss.data[3 * k + 1] / h.loss.data[3 * k + 2];
    const own = circle(nothing, nonZero(shift(h.gain, x, y)), nonZero(shift(h.loss, x, y)));
    cells += own.cells;
    if (own.value > best.value) {
      best = { ...own, at: Float64Array.of(own.at[0], own.at[1], -own.at[0] * x - own.at[1] * y) };
    }
  }
  return { ...best, cells };
}

function nonZero(rows: DenseMatrix): DenseMatrix {
  const keep: number[] = [];
  for (let i = 0; i < rows.rows; i++) if (rows.data[2 * i] !== 0 || rows.data[2 * i + 1] !== 0) keep.push(i);
  const out = denseMatrix(keep.length, 2);
  keep.forEach((i, k) => out.data.set(rows.data.subarray(2 * i, 2 * i + 2), 2 * k));
  return out;
}
