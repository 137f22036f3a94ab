import v8 from 'node:v8';

/** The engine of Node 20, the oldest that runs the command line. */
const node20 = '11.3.';

/**
 * Lets WebAssembly compute products and sums in one instruction (relaxed SIMD) on Node 20, which has that behind a flag; the editor and later versions of Node have it as they are. Before kernels
 * are made, which take what there is.
 */
export function allowRelaxedSimd(): void {
  if (process.versions.v8.startsWith(node20)) v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
}
