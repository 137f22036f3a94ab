import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { certifyCommand } from '../../src/cli/certify.ts';
import { checkCommand } from '../../src/cli/check.ts';
import { compareCommand } from '../../src/cli/compare.ts';
import { explainCommand } from '../../src/cli/explain.ts';
import { inspectCommand } from '../../src/cli/inspect.ts';
import { labCommands } from '../../src/cli/lab.ts';
import { mcpCommand } from '../../src/cli/mcp.ts';
import { predictCommand } from '../../src/cli/predict.ts';
import { reportCommand } from '../../src/cli/report.ts';
import { solveCommand } from '../../src/cli/solve.ts';
import { structureCommand } from '../../src/cli/structure.ts';
import { studyCommand } from '../../src/cli/study/study.ts';
import { trainCommand } from '../../src/cli/train.ts';

/** What the documents name has to be there: files, headings, scripts, settings, options, commands, sections of the bench. */

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const documents = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'media/samples/README.md'],
  ...['test/bench/README.md', 'test/bench/peers/README.md'],
  ...readdirSync(path.join(root, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
];
const pkg = JSON.parse(read('package.json')) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly contributes: {
    readonly configuration: { readonly properties: Readonly<Record<string, unknown>> };
    readonly commands: readonly { readonly command: string }[];
  };
};

/** The heading as an address, as Markdown viewers make it. */
const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
const anchorsOf = (text: string): readonly string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading));

describe('the documents', () => {
  for (const document of documents) {
    const text = read(document);
    const folder = path.dirname(document);

    it(`${document}: links lead to files and headings that are there`, () => {
      for (const [, target] of text.replace(/`[^`\n]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [file, anchor] = target.split('#');
        const place = file === '' ? document : path.join(folder, file);
        assert.ok(existsSync(path.join(root, place)), `${target} is not there`);
        if (anchor !== undefined) assert.ok(anchorsOf(read(place)).includes(anchor), `${target}: no such heading`);
      }
    });

    it(`${document}: files, scripts and settings that it names are there`, () => {
      for (const [, name] of text.matchAll(/`((?:src|test|webview|media|docs|l10n)\/[\w./-]+)`/g))
        assert.ok(name.includes('LANGUAGE') || existsSync(path.join(root, name)), `${name} is not there`);
      // in tables of code the folders of the mathematics are named from their own
      for (const [, name] of text.matchAll(/`([a-z][\w-]*(?:\/[\w.-]+)+\.ts)`/gi))
        assert.ok(
          ['.', 'src', 'src/core'].some((from) => existsSync(path.join(root, from, name))),
          `${name} is not there`,
        );
      for (const [, script] of text.matchAll(/\bnpm run ([\w:-]+)/g))
        assert.ok(Object.hasOwn(pkg.scripts, script), `npm run ${script}`);
      const names = [
        ...Object.keys(pkg.contributes.configuration.properties),
        ...pkg.contributes.commands.map(({ command }) => command),
      ];
      for (const [, name] of text.matchAll(/`(convexNet\.[\w.]+?)(?:\.\*)?`/g))
        assert.ok(
          names.some((known) => known === name || known.startsWith(`${name}.`)),
          `there is no ${name}`,
        );
    });
  }

  it('name only options that a command has', () => {
    const commands = [
      ...[certifyCommand, checkCommand, compareCommand, explainCommand, inspectCommand, mcpCommand, predictCommand],
      ...[reportCommand, solveCommand, structureCommand, studyCommand, trainCommand, ...Object.values(labCommands)],
    ];
    const known = new Set(commands.flatMap(({ help }) => help.match(/--[a-z][a-z0-9-]*[a-z0-9]/g) ?? []));
    // of npm, node, sbatch, torture, the tests, and what an engine of studies calls
    for (const other of ['--help', '--import', '--test', '--experimental-wasm-relaxed-simd', '--account', '--list', '--element']) known.add(other); // prettier-ignore
    for (const other of ['--share', '--only', '--minutes', '--count', '--seed', '--test-name-pattern'])
      known.add(other);
    for (const document of documents)
      for (const [option] of read(document).matchAll(/(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9](?![\w-])/g))
        assert.ok(known.has(option), `${document}: ${option}`);
  });

  it('list every command of the program, and every section of the bench', () => {
    const commands = [...read('src/cli/main.ts').matchAll(/^ {2}(\w+): \w+Command,$/gm)].map(([, name]) => name);
    assert.ok(commands.length > 10);
    for (const name of [...commands, ...Object.keys(labCommands)])
      assert.match(read('docs/command-line.md'), new RegExp(`\\| .*\`${name}\\b`), name);
    const sections = [...read('test/bench/main.ts').matchAll(/^ {2}(\w+): \{\s+title:/gm)].map(([, name]) => name);
    const listed = [...read('test/bench/README.md').matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
    assert.deepEqual(listed.sort(), sections.sort());
  });
});
