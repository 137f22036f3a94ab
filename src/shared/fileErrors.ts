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

/** A reason without the path, which whoever reports it names once. */
export function fileErrorWords(error: unknown): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === 'string' && words[code] !== undefined) return words[code];
  if (typeof message !== 'string') return String(error);
  // Node: "CODE: reason, syscall 'path' -> 'path'"
  return message.replace(/^[A-Z0-9_]+: /, '').replace(/, [a-z]+( '.*')?$/s, '');
}
