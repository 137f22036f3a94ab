import tseslint from 'typescript-eslint';

const forbid = (patterns, message) => ({
  'no-restricted-imports': ['error', { patterns: patterns.map((group) => ({ group: [group].flat(), message })) }],
});

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
      'no-restricted-syntax': ['error', { selector: 'ExportDefaultDeclaration', message: 'Name what you export.' }],
      eqeqeq: 'error',
    },
  },
  {
    files: ['src/core/**'],
    rules: forbid(
      [
        ['vscode'],
        ['node:*', 'fs', 'path', 'worker_threads'],
        ['**/shared/**', '**/host/**', '**/cli/**', '**/worker/**', '**/webview/**'],
      ],
      'core is pure mathematics and data: no VS Code, no Node, no DOM, nothing above it.',
    ),
  },
  {
    files: ['src/shared/**'],
    rules: forbid(
      [['vscode'], ['node:*'], ['**/host/**', '**/cli/**', '**/worker/**', '**/webview/**']],
      'shared is used on every side.',
    ),
  },
  {
    files: ['src/worker/**', 'src/cli/**', 'src/session/**'],
    rules: forbid([['vscode'], ['**/host/**', '**/webview/**']], 'only src/host may import vscode.'),
  },
  {
    files: ['webview/**'],
    rules: forbid(
      [['vscode'], ['node:*'], ['**/host/**', '**/cli/**', '**/worker/**']],
      'the webview sees core and shared only.',
    ),
  },
  {
    files: ['test/**'],
    rules: {
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
);
