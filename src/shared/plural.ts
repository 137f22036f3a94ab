/** "1 row", "2 rows": a count that is put into a sentence always goes through here. */
export function plural(count: number, word: string, many = `${word}s`): string {
  return `${count} ${count === 1 ? word : many}`;
}
