import { askLine } from './ui.ts';

export interface NumberQuestion {
  readonly title: string;
  readonly prompt: string;
  readonly value: string;
  /** A word that may follow the number and multiplies it. */
  readonly unit?: { readonly name: string; readonly value: number };
  readonly positive?: boolean;
  readonly accept?: (value: number) => boolean;
}

/** Asks for a number; it is checked while it is typed. */
export async function askNumber(question: NumberQuestion): Promise<number | undefined> {
  const text = await askLine(question.title, {
    prompt: question.prompt,
    value: question.value,
    refuse: (input) => (parseNumber(input, question) === null ? question.prompt : undefined),
  });
  return text === undefined ? undefined : (parseNumber(text, question) ?? undefined);
}

/** Null when the text is not a number that the question takes. */
function parseNumber(text: string, { unit, positive, accept }: NumberQuestion): number | null {
  let digits = text.trim().replace(',', '.');
  let factor = 1;
  if (unit && digits.toLowerCase().endsWith(unit.name)) {
    digits = digits.slice(0, -unit.name.length).trim();
    factor = unit.value;
  }
  const value = Number(digits) * factor;
  if (digits === '' || !Number.isFinite(value)) return null;
  if (positive && value <= 0) return null;
  return accept?.(value) === false ? null : value;
}
