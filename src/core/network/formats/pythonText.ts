/** Names and numbers as Python source. The source is ASCII, whatever the names hold, and says that it is UTF-8: nothing in a name can change how it is read. */

/** The first line of a module: no later comment can set another encoding. */
export const pythonCoding = '# -*- coding: utf-8 -*-';

/** Printable ASCII; the rest as Python's escapes. */
function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, (character) => {
    const code = character.codePointAt(0)!;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
  });
}

/** A string literal. */
export function pythonText(text: string): string {
  return `"${ascii(text.replace(/[\\"]/g, '\\$&'))}"`;
}

/** A comment of one line; what is no printable ASCII is shown as an escape. */
export function pythonComment(text: string): string {
  return `# ${ascii(text)}`.trimEnd();
}

function pythonNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`a weight is ${value}: only finite networks can be exported`);
  return String(value);
}

/** Literals; a matrix has `width` columns, which counts when it has no rows. */
export const python = {
  text: pythonText,
  number: pythonNumber,
  list: (values: ArrayLike<number>): string => `[${Array.from(values, pythonNumber).join(', ')}]`,
  matrix: (rows: readonly (readonly number[])[], width: number): string =>
    rows.length === 0
      ? `torch.zeros(0, ${width}, dtype=torch.float64)`
      : `torch.tensor([\n${rows.map((row) => `    ${python.list(row)},`).join('\n')}\n], dtype=torch.float64)`,
  vector: (values: ArrayLike<number>): string => `torch.tensor(${python.list(values)}, dtype=torch.float64)`,
};
