import type { Kernels } from './kernels.ts';
import { createReferenceKernels } from './reference.ts';
import { createWasmKernels, type WasmKernelOptions } from './wasmKernels.ts';

/** The fastest kernels this runtime has: WebAssembly SIMD, or else plain TypeScript. */
export function createKernels(options: WasmKernelOptions = {}): Kernels {
  return createWasmKernels(options) ?? createReferenceKernels();
}
