import type { UnitLines } from './lines.ts';
import type { LineLoads } from './majorant.ts';

/**
 * The relaxed maximum of v'(Xu)_+ over ||u|| <= 1 as a file in the Conic Benchmark Format, version 1 (Friberg 2016), for other solvers: maximise
 * odd'Xu / 2 + even'a / 2 over [1 u'; u U] psd, tr U = 1, a >= |Xu|, a_i >= ||U x_i||, a_i^2 <= x_i'U x_i on unit lines. Variables in order: u (d), the lower
 * triangle of U row by row, a (L). The relaxation without pairs. With a free bias (the last coordinate, |b| <= 1 in the units of `UnitLines`, for v that
 * sums to zero) trace and norms are those of the penalised coordinates, and U_bb <= 1.
 */
export function conicInstance(lines: UnitLines, loads: LineLoads): string {
  const { rows: L, cols: d, data: x } = lines.unit;
  const q = lines.penalized;
  const p = d + (d * (d + 1)) / 2;
  const entry = (k: number, l: number): number => d + (Math.max(k, l) * (Math.max(k, l) + 1)) / 2 + Math.min(k, l);
  const objective: string[] = [];
  for (let k = 0; k < d; k++) {
    let s = 0;
    for (let i = 0; i < L; i++) s += (loads.odd[i] / 2) * x[i * d + k];
    objective.push(`${k} ${s}`);
  }
  for (let i = 0; i < L; i++) objective.push(`${p + i} ${loads.even[i] / 2}`);
  const rows: string[] = [];
  const constants: string[] = [];
  const cones: string[] = [];
  let row = 0;
  const add = (terms: readonly (readonly [number, number])[], constant = 0): void => {
    for (const [variable, value] of terms) if (value !== 0) rows.push(`${row} ${variable} ${value}`);
    if (constant !== 0) constants.push(`${row} ${constant}`);
    row++;
  };
  const along = (i: number, sign: number): [number, number][] =>
    Array.from({ length: d }, (_, k) => [k, sign * x[i * d + k]]);
  add(
    Array.from({ length: q }, (_, k) => [entry(k, k), 1] as const),
    -1,
  );
  cones.push('L= 1');
  if (q < d) {
    add([[entry(d - 1, d - 1), -1]], 1);
    cones.push('L+ 1');
  }
  for (let i = 0; i < L; i++) for (const sign of [1, -1]) add([[p + i, 1], ...along(i, sign)]);
  cones.push(`L+ ${2 * L}`);
  for (let i = 0; i < L; i++) {
    add([[p + i, 1]]);
    for (let k = 0; k < q; k++) add(Array.from({ length: d }, (_, l) => [entry(k, l), x[i * d + l]] as const));
    cones.push(`Q ${q + 1}`);
  }
  for (let i = 0; i < L; i++) {
    // 2 (1 / 2) x'U x >= a^2
    add([], 0.5);
    const square: [number, number][] = [];
    for (let k = 0; k < d; k++) {
      for (let l = 0; l <= k; l++) square.push([entry(k, l), (k === l ? 1 : 2) * x[i * d + k] * x[i * d + l]]);
    }
    add(square);
    add([[p + i, 1]]);
    cones.push('QR 3');
  }
  const psd: string[] = [];
  for (let k = 0; k < d; k++) psd.push(`0 ${k} ${k + 1} 0 1`);
  for (let k = 0; k < d; k++) for (let l = 0; l <= k; l++) psd.push(`0 ${entry(k, l)} ${k + 1} ${l + 1} 1`);
  const block = (name: string, list: readonly string[]): string => `${name}\n${list.length}\n${list.join('\n')}\n`;
  return [
    'VER\n1\n',
    'OBJSENSE\nMAX\n',
    `PSDCON\n1\n${d + 1}\n`,
    `VAR\n${p + L} 1\nF ${p + L}\n`,
    `CON\n${row} ${cones.length}\n${cones.join('\n')}\n`,
    block('OBJACOORD', objective),
    block('ACOORD', rows),
    block('BCOORD', constants),
    block('HCOORD', psd),
    'DCOORD\n1\n0 0 0 1\n',
  ].join('\n');
}
