import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { errorSamples, hostTexts, pageTexts, recordSamples, withTexts } from '../../src/build/texts.mjs';
import { errorBy } from '../../src/shared/errorWords.ts';
import { recorded, recordedBy } from '../../src/shared/recorded.ts';
import { countWord, parts, setTexts, text } from '../../src/shared/texts.ts';
import { DataError } from '../../src/core/data/dataError.ts';
import { ProblemError } from '../../src/core/base/problemError.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { everyFamilyAndTask, smallFile } from '../support/everyFamily.ts';
import { memorySource } from '../support/memorySource.ts';
import { latinWords, omegas, withLookups } from '../support/otherLanguage.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';
import { deepRuns } from '../webview/deepFixtures.ts';
import { typicalLab } from '../webview/labFixtures.ts';
import { root } from './harness/server.ts';

/** Words of a run that are no words of ours. */
function wordsOfData({ dataset, id, createdAt, version, resolved, scaling, label }: RunRecord): string[] {
  return [
    ...[dataset.name, dataset.encoding, dataset.sha256, dataset.sha256.slice(0, 12), id, createdAt, version, label],
    ...[resolved.target, ...resolved.classes],
    ...[...dataset.columns, ...scaling.inputs].map(({ name }) => name),
  ];
}

type Texts = Readonly<Record<string, string>>;
const read = (file: string): Texts => JSON.parse(readFileSync(path.join(root, file), 'utf8')) as Texts;
const bundles = readdirSync(path.join(root, 'l10n')).map((file) => /^bundle\.l10n\.(.+)\.json$/.exec(file)![1]);
const host = hostTexts(root);
const pages = pageTexts(root);
const placeholders = (words: string): string[] => (words.match(/\{\d+\}/g) ?? []).sort();
/** What is the same in every language, as it is no sentence: names of formats and of the product, names in the log. */
const names =
  /^(ONNX|JSON|Python|PyTorch|HTML|Markdown|CSV|Compare Runs|Comparison|Convex Network( Lab| Lesson| Study)?|Data Preview|Lab|Lesson|Panel|Preview|Run|Study|TaskFailure|WorkerGone|Cancelled|max|convex-network)$/;

/** Branches that do not go together, words that stand in a variable, and a note that is joined from others. */
const untranslated =
  /^Class(es)? 7(, \.\.\.)? (has|have) one row only; (it is|they are) used|times; 7\.$|^The target "7" 7\.$/;

describe('languages of the interface', () => {
  it('are German and simplified Chinese, in the bundles and the manifest', () => {
    assert.deepEqual(bundles.sort(), ['de', 'zh-cn']);
    for (const language of bundles) {
      const english = read('package.nls.json');
      const translated = read(`package.nls.${language}.json`);
      assert.deepEqual(Object.keys(translated).sort(), Object.keys(english).sort());
      for (const [key, words] of Object.entries(english)) {
        const links = (s: string): string[] => (s.match(/\(command:[^)]*\)|`#[^`]*`/g) ?? []).sort();
        assert.deepEqual(links(translated[key]), links(words), `${language} ${key}`);
        assert.notEqual(translated[key].trim(), '', `${language} ${key}`);
      }
    }
  });

  for (const language of bundles) {
    it(`${language}: every text of host and pages, no other, with what is put into it`, () => {
      const bundle = read(`l10n/bundle.l10n.${language}.json`);
      const wanted = new Set([...pages.keys(), ...host.texts]);
      const missing = [...wanted].filter((key) => !(key in bundle)).map((key) => `${pages.get(key) ?? 'host'}: ${key}`);
      assert.deepEqual(missing, [], `not translated into ${language} (l10n/)`);
      assert.deepEqual(
        Object.keys(bundle).filter((key) => !wanted.has(key)),
        [],
        'said nowhere any more',
      );
      for (const [key, words] of Object.entries(bundle)) {
        assert.deepEqual(placeholders(words), placeholders(key), `${language}: ${key}`);
        assert.notEqual(words.trim(), '', key);
        if (/^[\w -]+\|[\w -]+$/.test(key)) assert.equal(words.split('|').length, 2, `${key}: one, several`);
      }
      // a translation and not a copy: what is the same in both are names and symbols
      const same = Object.entries(bundle).filter(([key, words]) => key === words && / \p{L}{2,} /u.test(key));
      assert.ok(same.length < 10, same.map(([key]) => key).join('; '));
    });
  }

  it('the host shows no text that is not looked up', () => {
    const bare = host.bare.filter(({ text: words }) => !names.test(words)).map((b) => `${b.place}: ${b.text}`);
    assert.deepEqual(bare, []);
  });

  const samples = recordSamples(root);
  for (const language of bundles) {
    it(`${language}: notes and warnings that core and session write into records, as they are put together`, () => {
      const bundle = read(`l10n/bundle.l10n.${language}.json`);
      assert.ok(samples.size > 60, `${samples.size} found`);
      const english = [...samples].filter(([words]) => recordedBy(words, bundle) === words);
      assert.deepEqual(
        english.filter(([words]) => !untranslated.test(words)).map(([words, place]) => `${place}: ${words}`),
        [],
      );
    });
  }

  /** What stands in front of a colon as the field of a file, and a value of a setting. */
  const fields = ['auto', 'offset', 'chains'];
  it('messages of errors about files, data, settings, studies, lessons and problem files, as they are put together, say nothing that is not looked up', () => {
    const { texts } = omegas();
    const errors = errorSamples(root);
    assert.ok(errors.size > 330, `${errors.size} found`);
    const left = [...errors].filter(([words]) => latinWords(errorBy({ message: words }, texts), fields).length > 0);
    assert.deepEqual(
      left.map(([words, place]) => `${place}: ${words} -> ${errorBy({ message: words }, texts)}`),
      [],
    );
  });

  it('errors say their place in the language too, and keep what files say', () => {
    const bundle = read('l10n/bundle.l10n.de.json');
    const place = { file: 'a: b.csv', line: 3, column: 2, columnName: 'line 4' };
    const { message, text: words } = new DataError(
      'one-class',
      'the target has one class only ("no row: x"): there is nothing to tell apart',
      place,
    );
    assert.equal(
      errorBy({ message, text: words, ...place }, bundle),
      'a: b.csv, Zeile 3, Spalte 2 („line 4“): die Zielgröße hat nur eine Klasse („no row: x“): es gibt nichts zu unterscheiden',
    );
    const refused = new ProblemError('linear networks need a smooth loss, not hinge', { field: 'loss' });
    assert.equal(
      errorBy({ message: refused.message }, bundle),
      'loss: lineare Netze brauchen einen glatten Verlust, nicht Hinge',
    );
    const tooLarge =
      'arrangements: 900 rows and 1 gate of 3 columns need about 2 GB of memory, 1 GB are allowed; 4 gates would fit on all rows, 80 rows would fit with all gates, or allow more memory';
    assert.deepEqual(latinWords(errorBy({ message: tooLarge }, omegas().texts), ['arrangements']), []);
    const said = {
      'convexnet study: a b.yaml:3:5: vary.beta: must be a | "b", not a text':
        'convexnet study: a b.yaml:3:5: vary.beta: muss a | "b" sein, nicht ein Text',
      'p.json, X, row 3, column 2: "no row" is not a finite number':
        'p.json, X, Zeile 3, Spalte 2: "no row" ist keine endliche Zahl',
      '6 tasks: 2 data sets x tasks (3), less what the conditions leave out':
        '6 Aufgaben: 2 Datensätze x tasks (3), ohne das, was die Bedingungen weglassen',
    };
    for (const [english, german] of Object.entries(said)) assert.equal(errorBy({ message: english }, bundle), german);
    assert.equal(errorBy({ message: 'nobody knows this one' }, bundle), 'nobody knows this one');
  });

  it('reports of runs of every family and task, and of runs beside each other, say nothing that is not looked up', async () => {
    const { writeReport, writeComparison } =
      await withLookups<typeof import('../../webview/report/report.ts')>('webview/report/report.ts');
    const language = omegas();
    const runs = ['co2_1d', 'xor_2d', 'penguins', 'diabetes'].map(
      (name) => JSON.parse(readFileSync(path.join(root, `test/fixtures/runs/${name}.json`), 'utf8')) as RunRecord,
    );
    for (const change of Object.values(everyFamilyAndTask))
      runs.push(await testSession(memorySource(smallFile)).train({ ...quickSettings, ...change }, listen(), running));
    const [, xor] = runs;
    const other = { ...xor, id: 'other', settings: { ...xor.settings, gates: 31 }, neurons: xor.neurons.slice(1) };
    const pages = [
      ...runs.map((run) => [writeReport(run, 'html', { language }), wordsOfData(run)] as const),
      [writeComparison([xor, other], 'html', { language }), [...wordsOfData(xor), 'gates']] as const,
    ];
    for (const [page, data] of pages) assert.deepEqual(latinWords(page, [...data, 'Cholesky']), []);
    // and they say as much as in English
    const parts = (page: string): string[] => page.match(/<[a-z]\w*/g) ?? [];
    runs.forEach((run, k) => assert.deepEqual(parts(pages[k][0]), parts(writeReport(run, 'html')), run.settings.model));
    // and nothing of that language is left behind
    assert.match(writeReport(xor, 'html'), /<html lang="en">[^]*<h2>Certificate<\/h2>/);
    assert.doesNotMatch(writeReport(xor, 'md'), /ω/);
  });

  it('results of the Lab and reasons of closed forms say nothing that is not looked up', async () => {
    const { texts } = omegas();
    const lab = Object.values(await typicalLab()).flatMap(({ verdicts }) =>
      verdicts.flatMap(({ title, quantity, sentence, remedy }) => [title, quantity, sentence, remedy?.label ?? '']),
    );
    assert.ok(lab.length > 30);
    const forms: string[] = [];
    for (const name of [
      'rank one',
      'whitened rows, classes',
      'one feature, classes',
      'batch normalisation',
      'linear',
    ]) {
      const { structure } = await deepRuns[name]({ path: quickSettings.path, compare: quickSettings.compare });
      for (const { title, reason, program } of structure!.forms) forms.push(title, reason, program ?? '');
    }
    assert.ok(forms.length > 30);
    const left = [...lab, ...forms].filter((words) => latinWords(recordedBy(words, texts), []).length > 0);
    assert.deepEqual(left, []);
  });

  it('sentences of records keep numbers and what files say', () => {
    const bundle = read('l10n/bundle.l10n.de.json');
    assert.equal(
      recordedBy('"another class" is left out: constant in the training rows.', bundle),
      '„another class“ ist weggelassen: konstant in den Trainingszeilen.',
    );
    assert.equal(
      recordedBy(
        'The comparison was cut short by Stop: 3 of 9 runs. The target is the same in all training rows.',
        bundle,
      ),
      'Der Vergleich wurde durch Anhalten abgebrochen: 3 von 9 Läufen. Die Zielgröße ist in allen Trainingszeilen dieselbe.',
    );
    assert.equal(
      recorded('The target is the same in all training rows.'),
      'The target is the same in all training rows.',
    );
  });

  it('pages look up templates and mixed children as one text', () => {
    const code = withTexts(
      'webview/app/x.tsx',
      'const a = <p class="muted" title="A row">Open {n} of <b>{m}</b> rows</p>;\nconst b = `${n} rows of “${name}”`;\nconst c = name === "of the rows";\n',
    );
    assert.match(code, /interfaceParts\("Open \{0\} of \{1\} rows", n, <b>\{m\}<\/b>\)/);
    assert.match(code, /title=\{interfaceText\("A row"\)\}/);
    assert.match(code, /class="muted"/);
    assert.match(code, /interfaceText\("\{0\} rows of “\{1\}”", n, name\)/);
    assert.match(code, /name === "of the rows"/);
  });

  it('a text without a translation stays English; words go with their numbers; nothing put in is looked up or filled', () => {
    setTexts({ 'row|rows': 'Zeile|Zeilen', row: 'Zeile', '{0} of {1}': '{1}, davon {0}', rows: 'Zeilen' });
    try {
      assert.equal(text('{0} of {1}', 'rows', '{0}'), '{0}, davon rows');
      assert.equal(text('Not there {0}', 1), 'Not there 1');
      assert.deepEqual(parts('{0} of {1}', 'a', 'b').join(''), 'b, davon a');
      assert.deepEqual(
        [countWord(1, 'row'), countWord(2, 'row'), countWord(2, 'Zeile')],
        ['Zeile', 'Zeilen', 'Zeilen'],
      );
      assert.equal(countWord(2, 'cell'), 'cells');
    } finally {
      setTexts({});
    }
  });
});
