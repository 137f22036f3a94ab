// The notices that go with the package: whose code is inside the bundles, read off the bundler's own account of them.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Folder of the package that a source file belongs to; the innermost one, for packages inside packages. */
function packageFolder(file) {
  return /^(.*(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
}

/**
 * Folders of the packages (relative to the repository) of which at least one byte is in an output. The WebAssembly kernels are compiled from our
 * own sources by AssemblyScript, whose runtime and standard library go into them.
 */
export function bundledPackages(metafiles) {
  const inside = metafiles.flatMap(({ outputs }) =>
    Object.values(outputs).flatMap(({ inputs }) =>
      Object.entries(inputs)
        .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
        .map(([file]) => file),
    ),
  );
  const folders = inside.map(packageFolder).filter((folder) => folder !== undefined);
  if (inside.some((file) => file.endsWith('modules.generated.ts'))) folders.push('node_modules/assemblyscript');
  return [...new Set(folders)].sort();
}

/** The text of the MIT licence, for packages that name it and come without it. */
const mit = (holder) => `MIT License

Copyright (c) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"),
to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense,
and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS
IN THE SOFTWARE.`;

/** Name, version, licence and the texts of licence and notice of each package. Throws when one has no licence text. */
export function noticesText(root, folders) {
  const entries = folders.map((folder) => {
    const at = path.join(root, folder);
    const { name, version, license, author } = JSON.parse(readFileSync(path.join(at, 'package.json'), 'utf8'));
    const files = readdirSync(at).filter((entry) => /^(licen[cs]e|copying|notice)(\.|-|$)/i.test(entry));
    if (files.length === 0 && license !== 'MIT')
      throw new Error(`${name} ${version} comes without the text of its licence (${license})`);
    const holder = author?.name ?? author ?? `the authors of ${name}`;
    const texts =
      files.length === 0 ? [mit(holder)] : files.sort().map((file) => readFileSync(path.join(at, file), 'utf8').trim());
    return `${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`;
  });
  const line = `\n${'-'.repeat(80)}\n\n`;
  return `Code of these packages is part of this extension.\n\n${entries.join(line)}`;
}
