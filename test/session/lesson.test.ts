import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { lessonJsonSchema } from '../../src/build/lessonJsonSchema.mts';
import { DataError } from '../../src/core/data/dataError.ts';
import { NetworkError } from '../../src/core/network/formats/networkError.ts';
import { nodeFileSource } from '../../src/platform/node/nodeSession.ts';
import { readLesson } from '../../src/session/lesson/readLesson.ts';
import { networkOfTyped } from '../../src/session/lesson/typedNetwork.ts';
import { guessHolds, lessonFile, lessonViews, quantities, solveFor } from '../../src/shared/lesson.ts';
import { lessonNames } from '../../src/shared/samples.ts';
import { boundOverFamily } from '../../src/shared/verdict.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const samples = path.join(import.meta.dirname, '../../media/samples');
const head = 'format: convexnet-lesson/1\ntitle: T\ndata: d.csv\n';

describe('lessons', () => {
  it('that come with the samples can be read, have their data, and are those that the palette lists', () => {
    const folders = readdirSync(path.join(samples, 'lessons'));
    assert.deepEqual(lessonNames.map(({ folder }) => folder).sort(), folders.sort());
    for (const { folder, title, data } of lessonNames) {
      const file = path.join(samples, 'lessons', folder, lessonFile);
      const lesson = readLesson(readFileSync(file, 'utf8'), lessonFile);
      assert.equal(lesson.title, title);
      assert.equal(path.join(path.dirname(file), lesson.data), path.join(samples, data));
      assert.ok(existsSync(path.join(samples, data)));
      assert.ok(lesson.steps.some(({ kind }) => kind === 'solve'));
    }
  });

  it('say where they are wrong', () => {
    const refused = (text: string, line: number, column: number, words: RegExp): void =>
      assert.throws(
        () => readLesson(text, lessonFile),
        (error: unknown) => {
          assert.ok(error instanceof DataError);
          assert.match(error.message, words);
          assert.deepEqual([error.line, error.column], [line, column]);
          return true;
        },
      );
    refused(`${head}steps: [`, 4, 9, /./);
    refused(`${head}steps:\n  - kind: guess\n    text: x\n    quantity: luck\n`, 7, 15, /steps\.0\.quantity/);
    refused(`${head}steps:\n  - kind: solve\n    settings:\n      beta: { relative: -1 }\n`, 7, 7, /beta/);
    refused(`${head}settings: { modell: relu }\nsteps:\n  - { kind: solve }\n`, 4, 21, /there is no setting "modell"/);
    refused(head.replace('d.csv', '/etc/passwd') + 'steps:\n  - { kind: solve }\n', 3, 7, /from the folder/);
    refused(
      `${head}steps:\n  - { kind: choose, text: x, choices: [a, b], correct: 3 }\n`,
      5,
      5,
      /not the number of one of the choices/,
    );
  });

  it('come out as plain text', () => {
    const text = `${head.replace('T', '"[a](command:x) \\u202e\\u0007$(sync)"')}steps:\n  - { kind: read, text: "**x** [y](http://z)" }\n`;
    const { title, steps } = readLesson(text, lessonFile);
    assert.doesNotMatch(title, /[\u202e\u0007]|\$\(/);
    assert.equal(steps.length, 1);
  });

  it('compare a guess with the next training, or the last one', () => {
    const steps = ['read', 'guess', 'solve', 'look', 'guess', 'beat'].map((kind) => `  - ${step(kind)}\n`);
    const lesson = readLesson(`${head}steps:\n${steps.join('')}`, lessonFile);
    assert.deepEqual(
      lesson.steps.map((_, at) => solveFor(lesson, at)),
      [undefined, 2, undefined, 2, 2, 2],
    );
    assert.ok(guessHolds(11, 10, 0.1) && !guessHolds(11.1, 10, 0.1) && guessHolds(3, 3) && !guessHolds(3, 4));
  });

  it('know the views of the panel', () => {
    const folder = path.join(import.meta.dirname, '../../webview/app/views');
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tsx'));
    const ids = files.flatMap((name) =>
      [...readFileSync(path.join(folder, name), 'utf8').matchAll(/: ViewDefinition = \{\s*id: '([\w-]+)'/g)].map(
        ([, id]) => id,
      ),
    );
    assert.deepEqual([...lessonViews].sort(), ids.sort());
  });

  it('have a published schema', () => {
    const published = readFileSync(new URL('../../docs/lesson.schema.json', import.meta.url), 'utf8');
    assert.deepEqual(
      JSON.parse(published),
      JSON.parse(JSON.stringify(lessonJsonSchema())),
      'npm run lesson-schema writes it',
    );
  });
});

function step(kind: string): string {
  switch (kind) {
    case 'guess':
      return '{ kind: guess, text: x, quantity: neurons }';
    case 'look':
      return '{ kind: look, text: x, view: neurons }';
    case 'solve':
      return '{ kind: solve }';
    default:
      return `{ kind: ${kind}, text: x }`;
  }
}

describe('a typed network', () => {
  it('is a neuron a line, and says which line is none', () => {
    const shape = { bias: 'regularized', inputs: 2, outputs: 1 } as const;
    const { W1, b1, W2 } = networkOfTyped('1 -2 0.5 3\n\n0, 1; 0 -1', shape);
    assert.deepEqual([[...W1.data], [...b1], [...W2.data]], [[1, -2, 0, 1], [0.5, 0], [3, -1]]); // prettier-ignore
    assert.throws(() => networkOfTyped('1 2 3 4\n1 2 3', shape), /line 2: a neuron is 4 numbers: 2 weights, a bias/);
    assert.throws(() => networkOfTyped('1 2 x 4', shape), NetworkError);
  });

  it('has its own objective beside the proven bound of the run', async () => {
    const session = testSession(await nodeFileSource(path.join(samples, 'xor_2d.csv')));
    const settings = { ...quickSettings, model: 'relu', loss: 'logistic', certifySeconds: 1 } as const;
    const run = await session.train(settings, listen(), running);
    const bound = boundOverFamily(run);
    assert.ok(bound > 0);
    // typed as it was trained: a neuron is no better for being typed
    const { bias } = run.settings;
    const lines = run.neurons.map((n) => [...n.weights, ...(bias === 'none' ? [] : [n.bias]), ...n.outer].join(' '));
    const verdict = await session.judgeTyped(run, lines.join('\n'), running);
    assert.equal(verdict.neurons, quantities.neurons.of(run));
    assert.ok(Math.abs(verdict.objective - run.solution.objective) <= 1e-9 * run.solution.objective);
    assert.ok(verdict.lowerBound >= bound * (1 - 1e-12) && verdict.lowerBound <= verdict.merged);
    // no neuron at all: the loss of guessing, n log 2
    const none = await session.judgeTyped(run, '{"W1": [[0, 0]], "b1": [0], "w2": [0]}', running);
    assert.ok(Math.abs(none.objective - run.resolved.trainRows * Math.log(2)) < 1e-9);
    assert.ok(none.excess !== null && none.excess >= none.objective / verdict.objective - 1 - 1e-9);
    await assert.rejects(session.judgeTyped(run, '1 2', running), /line 1: a neuron is/);
  });
});
