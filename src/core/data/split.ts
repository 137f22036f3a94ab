import { createRng, shuffle } from '../base/rng.ts';

/**
 * Which rows are held out for testing: 1 test, 0 train. Seeded; with classes (`classOf` row to class id) the share is kept in
 * every class, and a class never loses its last training row. At least two training rows remain.
 */
export function splitRows(
  rows: number,
  testFraction: number,
  seed: number,
  classOf?: { readonly ids: ArrayLike<number>; readonly count: number },
): Uint8Array {
  const split = new Uint8Array(rows);
  if (testFraction <= 0) return split;
  const rng = createRng(seed).fork('split');
  const groups: number[][] = Array.from({ length: classOf?.count ?? 1 }, () => []);
  for (let i = 0; i < rows; i++) groups[classOf === undefined ? 0 : classOf.ids[i]].push(i);
  let train = rows;
  // Fractions left over by rounding are carried to the next class, so that the total is right for many small classes too.
  let carry = 0;
  for (const group of groups) {
    shuffle(group, rng);
    const wanted = testFraction * group.length + carry;
    const take = Math.max(0, Math.min(Math.round(wanted), group.length - 1, train - 2));
    carry = Math.max(-0.5, Math.min(0.5, wanted - take));
    for (let i = 0; i < take; i++) split[group[i]] = 1;
    train -= take;
  }
  return split;
}
