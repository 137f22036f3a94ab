import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import { languageModelTools } from '../../src/build/languageModelTools.mts';
import * as manifest from '../../src/shared/manifest.ts';
import { lessonFile } from '../../src/shared/lesson.ts';
import { sampleNames } from '../../src/shared/samples.ts';
import { fieldOf, flatSettings, type Setting, withField } from '../../src/shared/settingKinds.ts';
import { defaultSettings, trainingTable } from '../../src/shared/settings.ts';
import { configurationProperties, restrictedConfigurations } from '../../src/shared/settingsManifest.ts';
import { trainSettingsSchema } from '../../src/shared/settingsSchema.ts';
import { root } from './harness/server.ts';

interface Property {
  type: string;
  default: unknown;
  scope?: string;
  order?: number;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  enum?: (string | null)[];
  markdownDescription?: string;
  markdownEnumDescriptions?: string[];
}
interface MenuItem {
  command?: string;
  when?: string;
  group?: string;
}
interface Manifest {
  name: string;
  publisher: string;
  main: string;
  browser: string;
  icon: string;
  engines: { vscode: string };
  devDependencies: Record<string, string>;
  dependencies?: unknown;
  activationEvents: string[];
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
  contributes: {
    commands: { command: string; title: string; category?: string; icon?: string; enablement?: string }[];
    menus: Record<string, MenuItem[]>;
    viewsContainers: { activitybar: { id: string; icon: string }[] };
    views: Record<string, { id: string; icon: string }[]>;
    viewsWelcome: { view: string; contents: string }[];
    configuration: { properties: Record<string, Property> };
    colors: { id: string; defaults: Record<string, string> }[];
    walkthroughs: {
      id: string;
      steps: { id: string; description: string; media: { markdown: string }; completionEvents: string[] }[];
    }[];
  };
}

const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const pkg = JSON.parse(read('package.json')) as Manifest;
const texts = JSON.parse(read('package.nls.json')) as Record<string, string>;
const { contributes } = pkg;
const properties = contributes.configuration.properties;

/** Settings that any folder may have: how its files are read, what is trained on them, what counts as solved. */
const harmless = [
  ...['arrangements', 'batchNorm', 'beta.kind', 'beta.value', 'bias', 'columnTypes', 'crossValidation.rule'],
  ...['dateParts', 'delta', 'depth', 'dialect.comment', 'dialect.decimal', 'dialect.delimiter', 'dialect.encoding'],
  ...['dialect.header', 'dialect.na', 'dialect.quote', 'dialect.skip', 'loss', 'm1', 'missing', 'model'],
  ...['outputPenalty', 'path.smallest', 'seed', 'standardize', 'testFraction', 'threshold', 'tolerance', 'whiten'],
];

describe('package.json', () => {
  it('is the extension that the code names', () => {
    assert.equal(`${pkg.publisher}.${pkg.name}`, manifest.extensionId);
    assert.equal(
      pkg.engines.vscode,
      `^${pkg.devDependencies['@types/vscode']}`,
      'typings are those of the oldest VS Code',
    );
    assert.equal(pkg.dependencies, undefined, 'everything is bundled');
    assert.ok(existsSync(path.join(root, pkg.icon)));
  });

  it('declares exactly the commands that the code registers', () => {
    assert.deepEqual(
      contributes.commands.map(({ command }) => command).sort(),
      Object.values(manifest.commandIds).sort(),
    );
    for (const command of contributes.commands) assert.ok(command.category, command.command);
  });

  it('uses in menus, welcome texts and walkthroughs only commands that exist', () => {
    const known = new Set<string>(Object.values(manifest.commandIds));
    for (const item of Object.values(contributes.menus).flat()) assert.ok(known.has(item.command!), item.command);
    const linked = [
      ...Object.values(texts)
        .join('\n')
        .matchAll(/\(command:([\w.]+)/g),
    ].map((match) => match[1]);
    const events = contributes.walkthroughs
      .flatMap(({ steps }) => steps.flatMap(({ completionEvents }) => completionEvents))
      .filter((event) => event.startsWith('onCommand:'))
      .map((event) => event.slice('onCommand:'.length));
    assert.ok(linked.length > 5 && events.length > 5);
    for (const id of [...linked, ...events]) assert.ok(known.has(id) || id.startsWith('workbench.'), id);
  });

  it('uses in conditions only context keys that exist, and tests files by their extension whatever their scheme', () => {
    const known = new Set<string>([...Object.values(manifest.contextKeys), manifest.runsView, manifest.comparisonType]);
    const conditions = [
      ...Object.values(contributes.menus).flatMap((items) => items.map(({ when }) => when ?? '')),
      ...contributes.commands.map(({ enablement }) => enablement ?? ''),
    ];
    for (const condition of conditions) {
      for (const [id] of condition.matchAll(/convexNet\.\w+/g)) assert.ok(known.has(id), condition);
      assert.doesNotMatch(condition, /resourceScheme/);
    }
    const ofPages = `activeWebviewPanelId == '${manifest.comparisonType}'`;
    const onFiles = ['explorer/context', 'editor/title', 'editor/title/context']
      .flatMap((menu) => contributes.menus[menu])
      .filter(({ when }) => when !== ofPages && when !== `resourceFilename == '${lessonFile}'`);
    for (const { when } of onFiles) assert.match(when!, /resourceExtname =~ \/\\\.\(csv\|tsv\|tab\|[a-z|]+\)\$\/i/);
    for (const { when } of contributes.menus['view/item/context'])
      assert.match(when!, /view == convexNet\.runs && viewItem == \w+/);
  });

  it('has every text that it names, and no other', () => {
    const named = [...JSON.stringify(pkg).matchAll(/"%([^%"]+)%"/g)].map((match) => match[1]);
    assert.deepEqual([...new Set(named)].sort(), Object.keys(texts).sort());
    for (const [key, text] of Object.entries(texts)) assert.ok(text.trim().length > 0, key);
  });

  it('declares the settings of the table, as `npm run settings` writes them', () => {
    assert.deepEqual(properties, configurationProperties());
    assert.ok(
      properties['convexNet.delta'] && properties['convexNet.runs.keep'] && !('convexNet.target' in properties),
    );
    for (const [key, property] of Object.entries(properties)) {
      assert.match(property.scope ?? '', /^(resource|window)$/, key);
      if (property.enum) assert.equal(property.markdownEnumDescriptions?.length, property.enum.length, key);
    }
  });

  it('lets a folder that is not trusted set what is shown and computed, and not how much of the machine that takes', () => {
    const { restrictedConfigurations: restricted } = pkg.capabilities.untrustedWorkspaces;
    assert.deepEqual(restricted, restrictedConfigurations());
    // of every setting it is known on which side it is
    const open = Object.keys(properties).filter((key) => !restricted.includes(key));
    assert.deepEqual(open.map((key) => key.replace('convexNet.', '')).sort(), harmless);
    for (const [key, { option, trusted }] of flatSettings(trainingTable) as [string, Setting<unknown>][])
      assert.ok(trusted || option?.part !== 'effort' || harmless.includes(key), key);
  });

  it('bounds settings as the program does, which takes every default', () => {
    assert.ok(v.is(trainSettingsSchema, defaultSettings));
    const accepts = (field: string, value: unknown): boolean =>
      v.is(trainSettingsSchema, withField(defaultSettings, field, value));
    for (const [field, { perFile, option }] of flatSettings(trainingTable)) {
      if (perFile) continue;
      const property = properties[`${manifest.configurationSection}.${field}`];
      const { minimum, exclusiveMinimum, maximum, enum: values } = property;
      // what is left to be found out is null there
      assert.deepEqual(property.default ?? undefined, fieldOf(defaultSettings, field), field);
      if (minimum !== undefined) {
        assert.ok(accepts(field, minimum), `${field} ${minimum}`);
        assert.ok(!accepts(field, minimum - 1), `${field} below ${minimum}`);
      }
      if (exclusiveMinimum !== undefined) assert.ok(!accepts(field, exclusiveMinimum), `${field} ${exclusiveMinimum}`);
      if (maximum !== undefined) {
        assert.ok(accepts(field, maximum), `${field} ${maximum}`);
        assert.ok(!accepts(field, maximum * 2 + 1), `${field} above ${maximum}`);
      }
      if (/^(number|integer)$/.test(property.type)) {
        assert.ok((minimum ?? exclusiveMinimum) !== undefined && maximum !== undefined, field);
      }
      for (const value of values ?? []) {
        if (value === null) continue;
        assert.ok(accepts(field, option?.spellings?.[value] ?? value), `${field} ${value}`);
      }
      if (values) assert.ok(!accepts(field, 'something else'), field);
    }
  });

  it('activates for nothing but panels that come back', () => {
    const restored = manifest.pageTypes.map((type) => `onWebviewPanel:${type}`);
    assert.deepEqual(pkg.activationEvents.toSorted(), restored.toSorted());
  });

  it('has one view with an icon and a welcome, and a walkthrough whose files exist', () => {
    assert.deepEqual(
      contributes.viewsContainers.activitybar.map(({ id }) => id),
      [manifest.viewContainer],
    );
    assert.deepEqual(
      contributes.views[manifest.viewContainer].map(({ id }) => id),
      [manifest.runsView],
    );
    for (const { icon } of [...contributes.viewsContainers.activitybar, ...contributes.views[manifest.viewContainer]])
      assert.ok(existsSync(path.join(root, icon)), icon);
    assert.deepEqual(
      contributes.viewsWelcome.map(({ view }) => view),
      [manifest.runsView],
    );
    const [walkthrough, ...others] = contributes.walkthroughs;
    assert.equal(others.length, 0);
    assert.equal(walkthrough.id, manifest.walkthrough);
    assert.ok(walkthrough.steps.length <= 5);
    for (const { media, completionEvents } of walkthrough.steps) {
      assert.ok(existsSync(path.join(root, media.markdown)), media.markdown);
      assert.ok(completionEvents.length > 0);
    }
  });

  it('names every sample', () => {
    const there = readdirSync(path.join(root, 'media/samples')).filter((name) => name.endsWith('.csv'));
    assert.deepEqual([...sampleNames], there.sort());
  });

  it('has one entry for both kinds of extension host', () => {
    assert.equal(pkg.browser, pkg.main);
    assert.ok(existsSync(path.join(root, pkg.main)));
  });

  it('gives every colour a value in each kind of theme, and the panel uses it', () => {
    assert.match(read('webview/charts/theme.ts'), /`--vscode-convexNet-series\$\{i \+ 1\}`/);
    contributes.colors.forEach(({ id, defaults }, i) => {
      assert.equal(id, `convexNet.series${i + 1}`);
      assert.deepEqual(Object.keys(defaults).sort(), ['dark', 'highContrast', 'highContrastLight', 'light'], id);
    });
  });

  it('locks of the VS Code servers name no registry', () => {
    for (const lock of ['test/host/server/package-lock.json', 'test/host/server-oldest/package-lock.json'])
      assert.doesNotMatch(read(lock), /"resolved": "(?!stubs\/)/, lock);
  });

  it('the bundle that it names can be loaded', () => {
    const resolved = createRequire(path.join(root, 'package.json')).resolve(pkg.main);
    assert.ok(existsSync(resolved));
  });

  it('declares the tools of language models as they are served: npm run tool-schemas', () => {
    const { contributes } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      contributes: { languageModelTools: unknown };
    };
    assert.deepEqual(contributes.languageModelTools, JSON.parse(JSON.stringify(languageModelTools())));
  });
});
