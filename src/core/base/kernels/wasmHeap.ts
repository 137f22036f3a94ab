import { KernelMemoryError } from './kernels.ts';

const PAGE = 65536;
const ALIGN = 64;
/** WebAssembly addresses 4 GiB; the last page is left out so that no size overflows. */
const MAX_PAGES = 65535;

/**
 * Allocation in one WebAssembly memory: first fit over a list of free ranges sorted by address, aligned to cache lines. Growing a shared memory
 * leaves views on it intact; growing an unshared one detaches them, so views are taken anew from the getters here.
 */
export class WasmHeap {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  bytesInUse = 0;
  /** Bytes that may be in use at a time; the memory itself never exceeds what it was made for. */
  budgetBytes: number;
  private readonly free: { start: number; size: number }[] = [];
  private readonly sizes = new Map<number, number>();
  private top: number;
  private readonly limit: number;
  private buffer!: ArrayBufferLike;
  private readonly buffers = new WeakSet<ArrayBufferLike>();
  private doubles!: Float64Array;
  private singles!: Float32Array;
  private ints!: Int32Array;
  private bytes!: Uint8Array;

  constructor(budgetBytes: number, shared: boolean) {
    const pages = Math.max(1, Math.min(MAX_PAGES, Math.floor(budgetBytes / PAGE)));
    this.memory = new WebAssembly.Memory({ initial: 1, maximum: pages, shared });
    this.shared = shared;
    this.limit = pages * PAGE;
    this.budgetBytes = this.limit;
    this.top = 0;
    this.refresh();
  }

  /** Leaves the first `bytes` to the module itself. */
  reserveStart(bytes: number): void {
    this.top = align(bytes);
  }

  /** Bytes that could still be allocated in one piece. */
  get bytesAvailable(): number {
    const room = Math.max(this.limit - this.top, ...this.free.map((range) => range.size));
    return Math.min(room, this.budgetBytes - this.bytesInUse);
  }

  get f64(): Float64Array {
    return this.doubles;
  }
  get f32(): Float32Array {
    return this.singles;
  }
  get i32(): Int32Array {
    return this.ints;
  }
  get u8(): Uint8Array {
    return this.bytes;
  }

  /** A view of `length` doubles at `pointer`. */
  viewAt(pointer: number, length: number): Float64Array {
    return new Float64Array(this.buffer, pointer, length);
  }

  /** Address of an array that lives in this memory, -1 for any other. */
  addressOf(array: Float64Array | Int32Array | Uint32Array): number {
    return this.buffers.has(array.buffer) ? array.byteOffset : -1;
  }

  /** Throws when `bytes` (the sum of several allocations) cannot be had. */
  require(bytes: number, hint = ''): void {
    const needed = align(bytes);
    if (needed > this.bytesAvailable) throw new KernelMemoryError(needed, this.bytesAvailable, hint);
  }

  /** Address of `bytes` zeroed bytes. */
  allocate(bytes: number, hint = ''): number {
    const size = align(Math.max(bytes, 1));
    if (this.bytesInUse + size > this.budgetBytes) throw new KernelMemoryError(size, this.bytesAvailable, hint);
    let start = this.takeFree(size);
    if (start < 0) {
      start = this.top;
      const end = start + size;
      if (end > this.limit) throw new KernelMemoryError(size, this.bytesAvailable, hint);
      const missing = Math.ceil(end / PAGE) - this.buffer.byteLength / PAGE;
      if (missing > 0) {
        try {
          this.memory.grow(missing);
        } catch {
          throw new KernelMemoryError(size, this.buffer.byteLength - this.top, 'the system refused more memory');
        }
        this.refresh();
      }
      this.top = end;
    } else {
      this.bytes.fill(0, start, start + size);
    }
    this.sizes.set(start, size);
    this.bytesInUse += size;
    return start;
  }

  release(start: number): void {
    const size = this.sizes.get(start);
    if (size === undefined) return;
    this.sizes.delete(start);
    this.bytesInUse -= size;
    const list = this.free;
    let at = 0;
    while (at < list.length && list[at].start < start) at++;
    list.splice(at, 0, { start, size });
    if (at + 1 < list.length && start + size === list[at + 1].start) {
      list[at].size += list[at + 1].size;
      list.splice(at + 1, 1);
    }
    if (at > 0 && list[at - 1].start + list[at - 1].size === start) {
      list[at - 1].size += list[at].size;
      list.splice(at, 1);
    }
  }

  private takeFree(size: number): number {
    for (let i = 0; i < this.free.length; i++) {
      const range = this.free[i];
      if (range.size < size) continue;
      const start = range.start;
      range.start += size;
      range.size -= size;
      if (range.size === 0) this.free.splice(i, 1);
      return start;
    }
    return -1;
  }

  private refresh(): void {
    this.buffer = this.memory.buffer;
    this.buffers.add(this.buffer);
    this.doubles = new Float64Array(this.buffer);
    this.singles = new Float32Array(this.buffer);
    this.ints = new Int32Array(this.buffer);
    this.bytes = new Uint8Array(this.buffer);
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGN) * ALIGN;
}
