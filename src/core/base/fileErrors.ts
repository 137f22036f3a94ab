/** What the file system says, in words; by the codes of Node and of the editor's file systems. */
const words: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  FileNotFound: 'there is no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  NoPermissions: 'permission denied',
  EROFS: 'the disk can only be read',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than the system allows',
  ERR_FS_FILE_TOO_LARGE: 'the file is too large to be read whole (over 2 GiB)',
  ERR_STRING_TOO_LONG: 'the file is too large to be read as one text (over 512 MB)',
  EISDIR: 'it is a folder',
  FileIsADirectory: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  FileNotADirectory: 'a part of the path is not a folder',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its links lead in a circle',
  EBUSY: 'it is in use',
  ETXTBSY: 'it is in use',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  EIO: 'the disk reports an error',
  EPIPE: 'nobody reads it any more',
  ENXIO: 'nobody reads it',
  ENODEV: 'there is no such device',
  EEXIST: 'it is there already',
  Unavailable: 'its file system cannot be reached',
  ETIMEDOUT: 'its file system does not answer',
  ESTALE: 'its file system does not answer',
};

/** Codes of the system inside a sentence of somebody else. */
const codes = new RegExp(
  `\\b(${Object.keys(words)
    .filter((code) => code === code.toUpperCase())
    .join('|')})\\b`,
);

/** A reason without the path, which whoever reports it names once; of any other error its message. */
export function fileErrorWords(error: unknown): string {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === 'string' && Object.hasOwn(words, code)) return words[code];
  if (typeof message !== 'string') return String(error);
  // the editor wraps what its file system said: "Unable to write file '…' (Unknown (FileSystemError): Error: ENOSPC: …)"
  const wrapped = codes.exec(message.replace(/'[^']*'/g, ''));
  if (wrapped !== null) return words[wrapped[1]];
  // Node: "CODE: reason, syscall 'path' -> 'path'"
  return /^E[A-Z0-9]+: (.*), [a-z]+( '.*')?$/s.exec(message)?.[1] ?? message;
}
