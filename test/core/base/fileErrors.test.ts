import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import { fileErrorWords } from '../../../src/core/base/fileErrors.ts';

it('reasons of the file system are words, without code and path, whoever passes them on', async () => {
  const node = await readFile('/no such folder/x').catch((error: unknown) => error);
  assert.equal(fileErrorWords(node), 'there is no such file or folder');
  const editor = Object.assign(new Error("Unable to write file '/home/a/EIO b' (Unknown (FileSystemError): Error: ENOSPC: no space left on device, write)"), { code: 'Unknown' }); // prettier-ignore
  assert.equal(fileErrorWords(editor), 'the disk is full');
  assert.equal(fileErrorWords(Object.assign(new Error('x'), { code: 'NoPermissions' })), 'permission denied');
  assert.equal(fileErrorWords(new Error("ENOTSUP: operation not supported, rename '/a' -> '/b'")), 'operation not supported'); // prettier-ignore
  assert.equal(fileErrorWords(new Error('NOTE: one, two')), 'NOTE: one, two');
  for (const thrown of [undefined, null, 7, 'text']) assert.equal(fileErrorWords(thrown), String(thrown));
  for (const thrown of [{}, { code: 'toString' }, { code: '__proto__', message: 3 }])
    assert.equal(fileErrorWords(thrown), '[object Object]');
});
