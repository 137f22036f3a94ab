import { plainText } from '../../src/core/data/plainText.ts';

/** A table as text: what is copied, and what reports are made of. */
export interface TextTable {
  readonly caption: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns of numbers, which are set to the right. */
  readonly numeric: readonly boolean[];
  /** Cells that are set off from the others, row by row. */
  readonly marked?: readonly (readonly boolean[])[];
}

/** Text that Markdown shows as it is: no markup, no link, no HTML, whatever it holds. */
export function markdownText(text: string): string {
  return plainText(text)
    .replace(/[\\`*_[\]<>|~$&!@]/g, (mark) => (mark === '<' ? '&lt;' : mark === '&' ? '&amp;' : `\\${mark}`))
    .replace(/:(?=\/\/)/g, '\\:')
    .replace(/\bwww\./gi, (start) => `${start.slice(0, 3)}\\.`)
    .replace(/^(\s*)([-+#=])/, '$1\\$2')
    .replace(/^(\s*\d+)([.)])/, '$1\\$2');
}

export function tableMarkdown({ header, rows, numeric, marked }: TextTable): string {
  const line = (cells: readonly string[], row = -1): string =>
    `| ${cells.map((cell, k) => (marked?.[row]?.[k] === true && cell !== '' ? `**${markdownText(cell)}**` : markdownText(cell))).join(' | ')} |`;
  return [line(header), `| ${numeric.map((right) => (right ? '---:' : '---')).join(' | ')} |`, ...rows.map(line)]
    .join('\n')
    .concat('\n');
}

const latexMarks: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '{': '\\{',
  '}': '\\}',
  $: '\\$',
  '&': '\\&',
  '#': '\\#',
  _: '\\_',
  '%': '\\%',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '<': '$<$',
  '>': '$>$',
  '|': '$|$',
  '"': "''",
  '−': '$-$',
  '±': '$\\pm$',
  '×': '$\\times$',
  '‖': '$\\|$',
  '∞': '$\\infty$',
  β: '$\\beta$',
  σ: '$\\sigma$',
  ν: '$\\nu$',
  '≤': '$\\le$',
  '≥': '$\\ge$',
  '…': '\\ldots{}',
  '–': '--',
  '\u00a0': '~',
  '\u2009': '\\,',
};
const raised = '⁰¹²³⁴⁵⁶⁷⁸⁹⁻';
const lowered = '₀₁₂₃₄₅₆₇₈₉';

/** Text for LaTeX: its own characters escaped, signs and powers as mathematics. */
export function latexText(text: string): string {
  return plainText(text)
    .replace(/[\\{}$&#_%~^<>|"−±×‖∞βσν≤≥…–\u00a0\u2009]/g, (mark) => latexMarks[mark])
    .replace(new RegExp(`[${raised}]+`, 'g'), (power) => {
      const digits = Array.from(power, (c) => '0123456789-'[raised.indexOf(c)]).join('');
      return `$^{${digits}}$`;
    })
    .replace(new RegExp(`[${lowered}]+`, 'g'), (index) => {
      const digits = Array.from(index, (c) => String(lowered.indexOf(c))).join('');
      return `$_{${digits}}$`;
    });
}

/** A `tabular`, without packages. */
export function tableLatex({ header, rows, numeric, marked }: TextTable): string {
  const line = (cells: readonly string[], row = -1): string =>
    `  ${cells.map((cell, k) => (marked?.[row]?.[k] === true ? `\\textbf{${latexText(cell)}}` : latexText(cell))).join(' & ')} \\\\`;
  return [
    `\\begin{tabular}{${numeric.map((right) => (right ? 'r' : 'l')).join('')}}`,
    '  \\hline',
    line(header),
    '  \\hline',
    ...rows.map(line),
    '  \\hline',
    '\\end{tabular}',
    '',
  ].join('\n');
}
