import path from 'node:path';

/** By page, the files that its script imports when it begins: `{ webview: ['page-….js'] }`, from the metafiles of a build. */
export function pageChunks(metafiles) {
  const outputs = Object.assign({}, ...metafiles.map((metafile) => metafile.outputs));
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([file, { entryPoint, imports }]) =>
      entryPoint?.startsWith('webview/')
        ? [
            [
              path.basename(file, '.js'),
              imports.filter(({ kind }) => kind === 'import-statement').map((one) => path.basename(one.path)),
            ],
          ]
        : [],
    ),
  );
}
