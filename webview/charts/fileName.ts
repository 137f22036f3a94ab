/** Data, view and run, then what it shows: 80 characters of letters, digits, dots and dashes at most. */
export function fileName(stem: string, id: string): string {
  const plain = (text: string): string => text.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  const end = plain(id).slice(0, 40);
  const head = plain(stem)
    .slice(0, 74 - end.length)
    .replace(/-+$/, '');
  return head === '' ? end : `${head}-${end}`;
}
