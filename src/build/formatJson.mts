import { format } from 'oxfmt';

/** A value as the formatter writes JSON files of this project. */
export async function formatJson(value: unknown): Promise<string> {
  const { code, errors } = await format('schema.json', JSON.stringify(value), { printWidth: 120 });
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'));
  return code;
}
