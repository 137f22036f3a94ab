/** A file to read, however it is reached: Node streams, an editor's file system, memory. */
export interface FileSource {
  readonly uri: string;
  /** File name, for messages. */
  readonly name: string;
  /** Bytes, when known before reading. */
  readonly size: number;
  /** The bytes from the start, in chunks of any size. May be called again. */
  read(): AsyncIterable<Uint8Array>;
  /** What the file looks like now; null when it is gone. Used to notice a change while training. */
  stat(): Promise<FileStamp | null>;
}

export interface FileStamp {
  readonly size: number;
  /** Milliseconds since 1970, or any other value that changes with the file. */
  readonly mtime: number;
}
