// What the module exports: `task`, which runs one piece of a parallel operation described in memory, and small sequential kernels.
import { BLOCK_SCRATCH, placeBlock } from './blocks.as';
import { axpy, dot, factorBlock, solveLowerBlock, solveLowerVector, solvePanel, solveUpperBlock, solveUpperVector } from './cholesky.as';
import { gemmBlock, scaleBlock, TILE_COLS } from './gemm.as';
import { changePiece, GRAM_SCRATCH, gramPiece } from './grams.as';
import { LAYER_SCRATCH, layerBackward, layerForward } from './layer.as';
import {
  adjointPiece, forwardPiece, gatherGates, importBits, maskRows, MASKED_SCRATCH, overlapPiece, ROW_BLOCK, sumPartials, transposeBits,
} from './masked.as';
import { maskRow, reluRow } from './neurons.as';

export {
  dot, factorBlock, gatherGates, importBits, solveLowerBlock, solveLowerVector, solveUpperBlock, solveUpperVector, sumPartials, transposeBits,
};

/** Bytes of scratch that every thread brings. */
export function scratchBytes(): i32 {
  return <i32>max(max(BLOCK_SCRATCH, GRAM_SCRATCH), max(MASKED_SCRATCH, LAYER_SCRATCH));
}

/** Start of the memory this module does not use itself. */
export function heapBase(): usize {
  return __heap_base;
}

// A description holds integers (pointers, sizes, strides in numbers) from its start and doubles from byte 192 on.
@inline
function int(d: usize, i: i32): i32 {
  return load<i32>(d + <usize>i * 4);
}
@inline
function ptr(d: usize, i: i32): usize {
  return load<usize>(d + <usize>i * 4);
}
@inline
function stride(d: usize, i: i32): usize {
  return load<usize>(d + <usize>i * 4) * 8;
}
@inline
function real(d: usize, i: i32): f64 {
  return load<f64>(d + 192 + <usize>i * 8);
}

/** Runs piece `i` of the operation. Operation numbers: `Operation` in wasmContext.ts; the fields are in the order in which those who run it give them. */
export function task(operation: i32, d: usize, i: i32, scratch: usize): void {
  switch (operation) {
    case 0: gemmTask(d, i, scratch); break;
    case 1: forwardTask(d, i, scratch); break;
    case 2: adjointTask(d, i, scratch); break;
    case 3: overlapTask(d, i, scratch); break;
    case 4: maskFitsTask(d, i); break;
    case 5: panelTask(d, i); break;
    case 6: gramTask(d, i, scratch); break;
    case 7: layerForwardTask(d, i); break;
    case 8: layerBackwardTask(d, i, scratch); break;
    case 9: gramTask(d, i, scratch); break;
    case 10: blocksTask(d, i, scratch); break;
  }
}

function gemmTask(d: usize, i: i32, scratch: usize): void {
  const tileRows = int(d, 15), tileCols = int(d, 16), across = int(d, 17);
  const i0 = (i / across) * tileRows, j0 = (i % across) * tileCols;
  const m = min(int(d, 0) - i0, tileRows), n = min(int(d, 1) - j0, tileCols);
  const lower = int(d, 14) != 0;
  if (lower && i0 + m - 1 < j0) return;
  const cRow = stride(d, 12), cCol = stride(d, 13);
  const c = ptr(d, 11) + <usize>i0 * cRow + <usize>j0 * cCol;
  scaleBlock(m, n, c, cRow, cCol, real(d, 1), lower, i0 - j0);
  const aRow = stride(d, 4), bCol = stride(d, 8);
  gemmBlock(
    m, n, int(d, 2), ptr(d, 3) + <usize>i0 * aRow, aRow, stride(d, 5), ptr(d, 6) + <usize>j0 * bCol, stride(d, 7), bCol, real(d, 0), ptr(d, 10),
    c, cRow, cCol, lower, i0 - j0, scratch,
  );
}

function forwardTask(d: usize, i: i32, scratch: usize): void {
  const n = int(d, 0), features = int(d, 1), m = int(d, 2), c = int(d, 3);
  const panels = (features + 7) >> 3;
  // Pieces: output, then row block, then panel.
  const panel = i % panels, rest = i / panels;
  const blocks = (n + ROW_BLOCK - 1) / ROW_BLOCK;
  const block = rest % blocks, o = rest / blocks;
  const j0 = panel * 8, r0 = block * ROW_BLOCK;
  forwardPiece(
    n, features, m, r0, min(n, r0 + ROW_BLOCK), j0, min(8, features - j0), ptr(d, 4), ptr(d, 5),
    ptr(d, 6) + <usize>(j0 * c + o) * 8, <usize>(features * c) * 8, <usize>c * 8,
    ptr(d, 7) + <usize>(o * panels + panel) * <usize>n * 8, scratch,
  );
}

function adjointTask(d: usize, i: i32, scratch: usize): void {
  const n = int(d, 0), features = int(d, 1), m = int(d, 2), c = int(d, 3), segmentRows = int(d, 8);
  const panels = (features + 7) >> 3;
  const blocks = (m + ROW_BLOCK - 1) / ROW_BLOCK;
  // Pieces: segment of rows, then output, then block of gates, then panel.
  const panel = i % panels;
  let rest = i / panels;
  const block = rest % blocks;
  rest /= blocks;
  const o = rest % c, segment = rest / c;
  const j0 = panel * 8, g0 = block * ROW_BLOCK, r0 = segment * segmentRows;
  const row = <usize>(features * c) * 8;
  adjointPiece(
    features, m, r0, min(n, r0 + segmentRows), g0, min(m, g0 + ROW_BLOCK), j0, min(8, features - j0), ptr(d, 4), ptr(d, 5),
    ptr(d, 6) + <usize>o * 8, <usize>c * 8, ptr(d, 7) + <usize>segment * <usize>m * row + <usize>(j0 * c + o) * 8, row, <usize>c * 8, scratch,
  );
}

function overlapTask(d: usize, i: i32, scratch: usize): void {
  const n = int(d, 0), m = int(d, 1), c = int(d, 2);
  const panels = (n + 7) >> 3;
  const panel = i % panels, o = i / panels;
  const order = <usize>n * <usize>c;
  overlapPiece(
    n, m, panel * 8, ptr(d, 3), ptr(d, 4), ptr(d, 5) + <usize>o * 8, <usize>c * 8, real(d, 0), ptr(d, 6),
    ptr(d, 7) + <usize>o * (order + 1) * 8, <usize>c * order * 8, <usize>c * 8, scratch,
  );
}

function maskFitsTask(d: usize, i: i32): void {
  const n = int(d, 0), m = int(d, 1), c = int(d, 2);
  const gate = i / c, o = i % c;
  maskRows(
    n, ptr(d, 3) + <usize>gate * 8, <usize>m * 8, ptr(d, 4) + (<usize>gate * <usize>n * <usize>c + <usize>o) * 8, <usize>c * 8,
  );
}

function panelTask(d: usize, i: i32): void {
  const rows = int(d, 0), perPiece = int(d, 1);
  const r0 = i * perPiece, s = stride(d, 5);
  solvePanel(min(perPiece, rows - r0), int(d, 2), ptr(d, 3), ptr(d, 4) + <usize>r0 * s, s);
}

// a of the pair (a, b) with b <= a that is number i, row by row.
function firstOfPair(i: i32): i32 {
  let a = <i32>((sqrt<f64>(8 * <f64>i + 1) - 1) / 2);
  while ((a + 1) * (a + 2) / 2 <= i) a++;
  while (a * (a + 1) / 2 > i) a--;
  return a;
}

// Pieces: pairs. Patterns of `words` words each; the weights of a pair are those of its outputs.
function gramTask(d: usize, i: i32, scratch: usize): void {
  const n = int(d, 0), features = int(d, 1), c = int(d, 2);
  const words = <usize>((n + 31) >> 5) * 4;
  const pair = int(d, 9) + i;
  const a = firstOfPair(pair), b = pair - a * (a + 1) / 2;
  const bits = ptr(d, 4), outputs = ptr(d, 6);
  const p = load<i32>(outputs + <usize>a * 4), q = load<i32>(outputs + <usize>b * 4);
  const first = <usize>a * words, second = <usize>b * words;
  const w = ptr(d, 5) + <usize>(p * c + q) * 8, wStride = <usize>(c * c) * 8;
  const out = ptr(d, 7) + <usize>i * <usize>(features * features) * 8;
  const before = ptr(d, 8);
  if (before) changePiece(n, features, ptr(d, 3), before + first, before + second, bits + first, bits + second, w, wStride, out);
  else gramPiece(n, features, ptr(d, 3), bits + first, bits + second, w, wStride, out, a == b, scratch);
}

// Pieces: pairs.
function blocksTask(d: usize, i: i32, scratch: usize): void {
  const order = int(d, 0), features = int(d, 1);
  const a = firstOfPair(i), b = i - a * (a + 1) / 2;
  const size = <usize>(features * features) * 8;
  const block = a == b ? ptr(d, 4) + <usize>a * size : ptr(d, 3) + <usize>i * size;
  const places = ptr(d, 5);
  placeBlock(features, order, ptr(d, 2), block, places + <usize>a * 16, places + <usize>b * 16, a == b, scratch);
}

// Pieces: spans of rows.
function layerForwardTask(d: usize, i: i32): void {
  const n = int(d, 0), perPiece = int(d, 4);
  const r0 = i * perPiece;
  layerForward(
    int(d, 1), r0, min(n, r0 + perPiece), ptr(d, 5), int(d, 2) * 4, int(d, 3), ptr(d, 6), ptr(d, 7), ptr(d, 8), ptr(d, 9), int(d, 10),
    ptr(d, 11), int(d, 12),
  );
}

function layerBackwardTask(d: usize, i: i32, scratch: usize): void {
  const n = int(d, 0), perPiece = int(d, 4);
  const r0 = i * perPiece, width = int(d, 2), strips = int(d, 3);
  layerBackward(
    width >> 2, r0, min(n, r0 + perPiece), ptr(d, 5), width * 4, strips, ptr(d, 8), ptr(d, 9), int(d, 10), ptr(d, 11), int(d, 12),
    ptr(d, 13) + <usize>i * <usize>(strips * width) * 64, scratch,
  );
}

/** y[i] := beta y[i] + alpha A[i, :] x. */
export function gemvRows(m: i32, n: i32, alpha: f64, A: usize, x: usize, beta: f64, y: usize): void {
  for (let i = 0; i < m; i++) {
    store<f64>(y, (beta == 0 ? 0 : beta * load<f64>(y)) + alpha * dot(n, A, x));
    A += <usize>n * 8;
    y += 8;
  }
}

/** y := beta y + alpha A'x. */
export function gemvColumns(m: i32, n: i32, alpha: f64, A: usize, x: usize, beta: f64, y: usize): void {
  scaleBlock(1, n, y, 0, 8, beta, false, 0);
  for (let i = 0; i < m; i++) {
    axpy(n, alpha * load<f64>(x), A, y);
    A += <usize>n * 8;
    x += 8;
  }
}

/** H (rows x cols) := max(H, 0), and its mask. */
export function relu(rows: i32, cols: i32, H: usize, mask: usize): void {
  for (let i = 0; i < rows; i++) {
    reluRow(cols, H, mask);
    H += <usize>cols * 8;
    mask += <usize>((cols + 31) >> 5) * 4;
  }
}

export function applyMask(rows: i32, cols: i32, G: usize, mask: usize): void {
  for (let i = 0; i < rows; i++) {
    maskRow(cols, G, mask);
    G += <usize>cols * 8;
    mask += <usize>((cols + 31) >> 5) * 4;
  }
}

export function clearLower(n: i32, A: usize): void {
  for (let i = 0; i < n; i++) memory.fill(A + <usize>i * <usize>n * 8, 0, <usize>(i + 1) * 8);
}
