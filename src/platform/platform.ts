import type { Endpoint } from 'comlink';
import type * as vscode from 'vscode';
import type { Control } from '../core/base/control.ts';
import type { Kernels } from '../core/base/kernels/kernels.ts';
import type { FileSource } from '../core/data/source.ts';
import type { SessionDeps } from '../session/context.ts';
import type { StopMark, Stops } from '../shared/stopFlag.ts';
import type { WorkerData } from '../worker/api.ts';

/**
 * All that differs between Node and a browser, as the host and its workers see it; one folder beside this file for each of the two. Which one it
 * is follows from where the code runs: both run the same bundles.
 */

export interface FileStat {
  readonly size: number;
  readonly mtimeMs: number;
}

/**
 * Files of the extension's own: runs, their notes, results of the Lab. Names are paths on this machine or addresses of the editor, with `/` before
 * the last part. Errors carry the codes of Node: ENOENT where there is no such file, EEXIST where there is one already.
 */
export interface Files {
  /** With the folders above it; no error when it is there. */
  makeFolder(folder: string): Promise<void>;
  /** Of the files in it. */
  names(folder: string): Promise<readonly string[]>;
  read(file: string): Promise<string>;
  /** For files of a few bytes, thousands of which are read when a folder is opened: at once, where that is possible. */
  readSmall(file: string): string | Promise<string>;
  stat(file: string): FileStat | Promise<FileStat>;
  /**
   * Writes a file whole or not at all: everything goes to a file beside it and takes the name in one step. A crash leaves the old file and
   * perhaps a temporary one; where not `durable`, which saves a wait for the disk, a power cut may leave an empty one.
   */
  writeWhole(file: string, content: string | Uint8Array, durable?: boolean): Promise<void>;
  move(from: string, to: string): Promise<void>;
  /** Fails when there is a file of that name. */
  moveToFree(from: string, to: string): Promise<void>;
  /** No error when there is none. */
  remove(file: string): Promise<void>;
}

/** What a worker asks of files. */
export type WorkerFiles = Pick<Files, 'read' | 'writeWhole'>;

/** How packed data are unpacked. */
export interface Unpacking {
  /** A gzip archive as it comes. */
  gunzip(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** A page of a Parquet file. */
  readonly pages: Readonly<Record<'GZIP' | 'BROTLI', (packed: Uint8Array) => Uint8Array>>;
}

/** The worker's side. */
export interface WorkerPlatform {
  readonly data: WorkerData;
  /** Where calls of the host come in. */
  readonly endpoint: Endpoint;
  readonly files: WorkerFiles;
  readonly unpacking: Unpacking;
  sessionDeps(kernels: Kernels): SessionDeps;
  /** Kernels with as many threads as this machine and the platform give. */
  createKernels(): Kernels;
  /** A file that the worker reads itself. */
  openFile(path: string, uri: string): Promise<FileSource>;
  control(mark: StopMark): Control;
}

/** A worker that runs. */
export interface WorkerThread {
  readonly endpoint: Endpoint;
  /** Told once when it ends by itself, in words for a person and, where it failed, with the error. */
  onEnd(told: (reason: string, error?: unknown) => void): void;
  terminate(): void;
}

/** How workers of the host are started. */
export interface WorkerProgram {
  start(data: WorkerData): WorkerThread;
  /** How tasks of one worker are stopped. */
  createStops(): Stops;
}

/** The host's side. */
export interface HostPlatform {
  readonly program: WorkerProgram;
  readonly files: Files;
  /** How `Files` names a place of the editor. */
  nameOf(uri: vscode.Uri): string;
  /** SHA-256 (hexadecimal) of a file as it is now; rejects when it cannot be read. */
  sha256(uri: vscode.Uri): Promise<string>;
}
