import * as v from 'valibot';

/** Messages by which a page has something written to a file, where the person says, or put on the clipboard. */

const name = v.pipe(v.string(), v.regex(/^[\w.-]{1,80}$/));

/** A picture. */
export const saveFileSchema = v.object({
  type: v.literal('saveFile'),
  name,
  /** base64 for PNG, text for SVG */
  content: v.pipe(v.string(), v.maxLength(50_000_000)),
  encoding: v.picklist(['base64', 'utf8']),
});
export type SaveFile = v.InferOutput<typeof saveFileSchema>;

const cell = v.union([v.pipe(v.string(), v.maxLength(100_000)), v.pipe(v.number(), v.finite())]);
const cells = v.pipe(v.array(cell), v.maxLength(10_000));

/** A table, which becomes a CSV file like every other. */
export const saveTableSchema = v.object({
  type: v.literal('saveTable'),
  name,
  header: v.pipe(v.array(v.string()), v.maxLength(10_000)),
  rows: v.pipe(v.array(cells), v.maxLength(1_000_000)),
});
export type SaveTable = v.InferOutput<typeof saveTableSchema>;

/** A table in some language, for the clipboard. */
export const copySchema = v.object({
  type: v.literal('copy'),
  text: v.pipe(v.string(), v.maxLength(20_000_000)),
});
