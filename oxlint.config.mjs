import { defineConfig } from 'oxlint';

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

/** Rules about types and promises, of typescript-eslint's sets "recommended" and "stylistic", both with types. */
const typescript = `
  await-thenable ban-ts-comment no-array-delete no-base-to-string no-duplicate-enum-values
  no-duplicate-type-constituents no-empty-object-type no-explicit-any no-extra-non-null-assertion no-floating-promises
  no-for-in-array no-implied-eval no-misused-new no-misused-promises no-namespace no-non-null-asserted-optional-chain
  no-redundant-type-constituents no-require-imports no-this-alias no-unnecessary-type-assertion
  no-unnecessary-type-constraint no-unsafe-argument no-unsafe-assignment no-unsafe-call no-unsafe-declaration-merging
  no-unsafe-enum-comparison no-unsafe-function-type no-unsafe-member-access no-unsafe-return no-unsafe-unary-minus
  no-wrapper-object-types only-throw-error prefer-as-const prefer-namespace-keyword prefer-promise-reject-errors
  require-await restrict-plus-operands triple-slash-reference unbound-method
  adjacent-overload-signatures array-type ban-tslint-comment class-literal-property-style consistent-generic-constructors
  consistent-indexed-object-style consistent-type-assertions consistent-type-definitions dot-notation
  no-confusing-non-null-assertion no-inferrable-types non-nullable-type-assertion-style
  prefer-find prefer-function-type prefer-includes prefer-nullish-coalescing prefer-optional-chain prefer-regexp-exec
  prefer-string-starts-ends-with explicit-module-boundary-types switch-exhaustiveness-check`
  .trim()
  .split(/\s+/);
const general = `
  no-array-constructor no-empty-function no-unused-expressions no-unused-vars no-var prefer-const prefer-rest-params
  prefer-spread`
  .trim()
  .split(/\s+/);

export default defineConfig({
  plugins: ['typescript'],
  jsPlugins: ['./src/build/lintRules.mjs'],
  categories: { correctness: 'off' },
  options: { typeAware: true },
  ignorePatterns: ['dist/**', '**/node_modules/**', 'test/fixtures/**', '**/*.as.ts', '**/*.js', '**/*.cjs'],
  overrides: [
    {
      files: ['**/*.{ts,mts,tsx}'],
      rules: {
        ...Object.fromEntries(general.map((rule) => [rule, 'error'])),
        ...Object.fromEntries(typescript.map((rule) => [`typescript/${rule}`, 'error'])),
        'typescript/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
        'convexnet/named-exports': 'error',
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
      files: ['src/cli/**', 'src/store/study/**', 'src/worker/bundle.ts'],
      rules: forbid(aboveWorker, 'only src/host may import vscode.'),
    },
    {
      files: ['src/worker/**', 'src/session/**', 'src/store/*.ts'],
      excludeFiles: ['src/worker/bundle.ts'], // chooses the platform
      rules: forbid([...aboveWorker, ...nodeOnly], 'this runs in a browser as well; what differs is in src/platform.'),
    },
    {
      files: ['src/host/**', 'src/platform/browser/**'],
      excludeFiles: ['src/host/study/**', 'src/host/parts.ts'], // the latter chooses the platform
      rules: forbid(nodeOnly, 'this runs in a browser as well; what differs is in src/platform.'),
    },
    {
      files: ['src/host/**', 'src/extension.ts'],
      excludeFiles: ['src/host/ui.ts'],
      rules: { 'convexnet/shown-text': 'error' },
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
        'typescript/no-floating-promises': 'off',
        'typescript/explicit-module-boundary-types': 'off',
      },
    },
  ],
});
