import tseslint from 'typescript-eslint';
import { nameExports, shownText } from './src/build/lintRules.mjs';

const forbid = (patterns, message) => ({
  'no-restricted-imports': ['error', { patterns: patterns.map((group) => ({ group: [group].flat(), message })) }],
});

/** The floors of core, from the ground up: a file imports from its own floor and those below it. */
export const floors = [
  'base',
  'data',
  'problem',
  'network',
  'metrics',
  'certify',
  'engine',
  'descent',
  'theory',
  'family',
];

const coreOnly = [
  ['vscode'],
  ['node:*', 'fs', 'path', 'worker_threads'],
  ['**/shared/**', '**/host/**', '**/cli/**', '**/worker/**', '**/webview/**'],
];

/** Reports are written on every side. */
const aboveWorker = [['vscode'], ['**/host/**', '**/webview/**', '!**/webview/report', '!**/webview/report/**']];
const nodeOnly = [['node:*'], ['**/platform/node/**']];

export default tseslint.config(
  { ignores: ['dist/**', '**/node_modules/**', 'test/fixtures/**', '**/*.as.ts', '**/*.js', '**/*.cjs'] },
  {
    files: ['**/*.{ts,mts,tsx}'],
    extends: [tseslint.configs.recommendedTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/prefer-for-of': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'no-restricted-syntax': ['error', nameExports],
      eqeqeq: 'error',
    },
  },
  ...floors.map((floor, k) => ({
    files: [`src/core/${floor}/**`],
    rules: forbid(
      [
        ...coreOnly,
        ...(k + 1 < floors.length
          ? [floors.slice(k + 1).flatMap((above) => [`**/../${above}/**`, `**/core/${above}/**`])]
          : []),
      ],
      `src/core/${floor} is pure mathematics and data and sees only what is below it: ${floors.slice(0, k + 1).join(', ')}.`,
    ),
  })),
  {
    files: ['src/shared/**'],
    rules: forbid(
      [['vscode'], ['node:*'], ['**/host/**', '**/cli/**', '**/worker/**', '**/webview/**']],
      'shared is used on every side.',
    ),
  },
  {
    files: ['src/study/**'],
    rules: forbid(
      [
        ['vscode'],
        ['node:*'],
        ['**/host/**', '**/cli/**', '**/worker/**', '**/webview/**', '**/session/**', '**/store/**'],
      ],
      'src/study says what a study is; where and how it runs is elsewhere.',
    ),
  },
  {
    files: ['src/cli/**', 'src/store/study/**'],
    rules: forbid(aboveWorker, 'only src/host may import vscode.'),
  },
  {
    files: ['src/worker/**', 'src/session/**', 'src/store/*.ts'],
    rules: forbid([...aboveWorker, ...nodeOnly], 'this runs in a browser as well; what differs is in src/platform.'),
  },
  {
    files: ['src/host/**', 'src/extension.ts', 'src/platform/browser/**'],
    ignores: ['src/host/study/**'],
    rules: forbid(nodeOnly, 'this runs in a browser as well; what differs is in src/platform.'),
  },
  {
    files: ['src/host/**', 'src/extension.ts'],
    ignores: ['src/host/ui.ts'],
    rules: { 'no-restricted-syntax': ['error', nameExports, ...shownText] },
  },
  {
    files: ['webview/**'],
    rules: forbid(
      [['vscode'], ['node:*'], ['**/host/**', '**/cli/**', '**/worker/**']],
      'the webview sees core and shared only.',
    ),
  },
  {
    // a longer one, or one with more parameters, says at its head why it is better so
    files: ['src/**/*.{ts,mts}', 'webview/**/*.{ts,tsx}'],
    rules: {
      'max-lines-per-function': ['error', { max: 100, skipBlankLines: false, skipComments: false }],
      'max-params': ['error', 6],
    },
  },
  { files: ['src/core/**/*.ts'], rules: { 'max-lines': ['error', 500] } },
  {
    files: ['test/**'],
    rules: {
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
);
