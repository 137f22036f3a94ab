// Points at the binary that @vscode/ripgrep-universal carries (the original downloads one after install).
const path = require('node:path');
exports.rgPath = path.join(
  __dirname,
  '..',
  '..',
  'node_modules',
  '@vscode',
  'ripgrep-universal',
  'bin',
  `${process.platform}-${process.arch}`,
  process.platform === 'win32' ? 'rg.exe' : 'rg',
);
