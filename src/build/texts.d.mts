import type { Plugin } from 'esbuild';

export function textsOf(file: string, code: string): { readonly key: string; readonly line: number }[];
export function withTexts(file: string, code: string): string;
export function textsPlugin(root: string): Plugin;
export function pageTexts(root: string): Map<string, string>;
export function hostTexts(root: string): {
  readonly texts: readonly string[];
  readonly bare: readonly { readonly text: string; readonly place: string }[];
};

/** Samples of every note and warning that core and session write into records, with their places. */
export function recordSamples(root: string): Map<string, string>;
/** Samples of every message of an error that the editor shows. */
export function errorSamples(root: string): Map<string, string>;
