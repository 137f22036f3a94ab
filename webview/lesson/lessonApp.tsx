import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import {
  guessHolds,
  type Lesson,
  type LessonStep,
  quantities,
  solveFor,
  type ToLesson,
  type TypedVerdict,
} from '../../src/shared/lesson.ts';
import { Button } from '../ui/controls.ts';
import { formatCount, formatNumber, formatPercent } from '../ui/format.ts';
import { emptyLessonState, type LessonHost, type LessonViewState } from './lessonHost.ts';

/** A lesson, one step after the other. */
export function LessonApp({ host }: { readonly host: LessonHost }): VNode {
  const [shown, setShown] = useState<ToLesson | null>(null);
  const [kept, setKept] = useState<LessonViewState>(() => host.restore());
  useEffect(() => {
    host.listen(setShown);
    host.send({ type: 'ready' });
  }, [host]);
  const remember = (after: LessonViewState): void => {
    setKept(after);
    host.remember(after);
  };
  useEffect(() => {
    if (shown !== null && shown.uri !== kept.uri) remember({ ...emptyLessonState, uri: shown.uri });
  }, [shown?.uri]);
  if (shown === null) return <p class="muted">Loading …</p>;
  const { lesson, error } = shown;
  return (
    <>
      <header class="header">
        <div class="header-row">
          <h1>{lesson?.title ?? 'Lesson'}</h1>
        </div>
        {lesson?.about !== undefined && <p class="lesson-about">{lesson.about}</p>}
      </header>
      <main class="lesson">
        {error !== null && (
          <div class="banner error" role="alert">
            <p class="message">
              {error.line === undefined ? '' : `Line ${error.line}, column ${error.column}: `}
              {error.message}
            </p>
            <Button onPress={() => host.send({ type: 'openFile' })}>Open the lesson file</Button>
          </div>
        )}
        {lesson !== null && (
          <ol class="lesson-steps">
            {lesson.steps.map((step, at) => (
              <li key={at}>
                <Step
                  step={step}
                  at={at}
                  lesson={lesson}
                  shown={shown}
                  answer={kept.answers[at] ?? ''}
                  onAnswer={(answer) => remember({ ...kept, answers: { ...kept.answers, [at]: answer } })}
                  host={host}
                />
              </li>
            ))}
          </ol>
        )}
      </main>
    </>
  );
}

interface StepProps {
  readonly step: LessonStep;
  readonly at: number;
  readonly lesson: Lesson;
  readonly shown: ToLesson;
  readonly answer: string;
  readonly onAnswer: (answer: string) => void;
  readonly host: LessonHost;
}

function Step(props: StepProps): VNode {
  const { step } = props;
  switch (step.kind) {
    case 'read':
      return <p>{step.text}</p>;
    case 'guess':
      return <Guess {...props} step={step} />;
    case 'choose':
      return <Choose {...props} step={step} />;
    case 'solve':
      return <Solve {...props} step={step} />;
    case 'look': {
      const needs = solveFor(props.lesson, props.at);
      const ready = needs === undefined || props.shown.runs[needs] !== undefined;
      return (
        <>
          <p>{step.text}</p>
          <Button disabled={!ready} onPress={() => props.host.send({ type: 'look', step: props.at })}>
            Show it
          </Button>
        </>
      );
    }
    case 'beat':
      return <Beat {...props} step={step} />;
  }
}

type Of<Kind extends LessonStep['kind']> = StepProps & { readonly step: Extract<LessonStep, { kind: Kind }> };

const Result = ({ good, children }: { readonly good: boolean; readonly children: ComponentChildren }): VNode => (
  <p class={good ? 'lesson-right' : 'lesson-wrong'} role="status">
    {children}
  </p>
);

function Guess({ step, at, lesson, shown, answer, onAnswer }: Of<'guess'>): VNode {
  const { title } = quantities[step.quantity];
  const solve = solveFor(lesson, at);
  const actual = solve === undefined ? undefined : shown.runs[solve]?.quantities[step.quantity];
  const guess = answer.trim() === '' ? NaN : Number(answer.replace(',', '.'));
  const share = step.within ?? 0;
  return (
    <>
      <p>{step.text}</p>
      <label class="lesson-line">
        Your guess, {title}:{' '}
        <input
          type="text"
          inputMode="decimal"
          value={answer}
          onInput={(event) => onAnswer((event.target as HTMLInputElement).value)}
        />
      </label>
      {answer.trim() !== '' && Number.isNaN(guess) && <p class="muted">A number, please.</p>}
      {actual === undefined && <p class="muted">The answer comes with the next training.</p>}
      {actual === null && <p class="muted">This run has no such number.</p>}
      {typeof actual === 'number' && !Number.isNaN(guess) && (
        <Result good={guessHolds(guess, actual, share)}>
          {guessHolds(guess, actual, share) ? 'Right' : 'Not quite'}: it is {formatNumber(actual)}
          {share > 0 ? ` (within ${formatPercent(share)} counts)` : ''}.
        </Result>
      )}
    </>
  );
}

function Choose({ step, at, answer, onAnswer }: Of<'choose'>): VNode {
  const right = Number(answer) === step.correct;
  const group = String(at);
  return (
    <>
      <p id={`question-${group}`}>{step.text}</p>
      <div class="lesson-choices" role="radiogroup" aria-labelledby={`question-${group}`}>
        {step.choices.map((choice, k) => (
          <label key={k}>
            <input
              type="radio"
              name={group}
              checked={answer === String(k + 1)}
              onChange={() => onAnswer(String(k + 1))}
            />
            {choice}
          </label>
        ))}
      </div>
      {answer !== '' && (
        <Result good={right}>{right ? `Right. ${step.because ?? ''}` : 'Not this one. Try another.'}</Result>
      )}
    </>
  );
}

function Solve({ step, at, shown, host }: Of<'solve'>): VNode {
  const run = shown.runs[at];
  const working = shown.working === at;
  return (
    <>
      {step.text !== undefined && <p>{step.text}</p>}
      <div class="lesson-line">
        <Button
          look={run === undefined ? 'primary' : 'secondary'}
          disabled={shown.working !== null}
          onPress={() => host.send({ type: 'solve', step: at })}
        >
          {run === undefined ? 'Train' : 'Train again'}
        </Button>
        {working && <Button onPress={() => host.send({ type: 'stop' })}>Stop</Button>}
        {working && <span class="muted">Training …</span>}
      </div>
      {run !== undefined && <p role="status">{run.headline}</p>}
    </>
  );
}

function Beat({ step, at, lesson, shown, answer, onAnswer, host }: Of<'beat'>): VNode {
  const run = shown.runs[solveFor(lesson, at) ?? -1];
  const typed = shown.typed[at];
  return (
    <>
      <p>{step.text}</p>
      {run === undefined ? (
        <p class="muted">Train first, so that there is a bound to beat.</p>
      ) : (
        <>
          <label class="lesson-network">
            A neuron a line, numbers in this order: <code>{run.columns}</code>
            <textarea
              rows={6}
              spellcheck={false}
              value={answer}
              onInput={(event) => onAnswer((event.target as HTMLTextAreaElement).value)}
            />
          </label>
          <Button
            look="primary"
            disabled={shown.working !== null || answer.trim() === ''}
            onPress={() => host.send({ type: 'certify', step: at, text: answer })}
          >
            Certify it
          </Button>
          {shown.working === at && <span class="muted"> Looking at it …</span>}
          {typed?.error !== undefined && (
            <p class="lesson-wrong" role="alert">
              {typed.error}
            </p>
          )}
          {typed?.verdict !== undefined && <Verdict verdict={typed.verdict} />}
        </>
      )}
    </>
  );
}

/** Shares below this are what arithmetic leaves. */
const rounding = 1e-9;

function Verdict({ verdict }: { readonly verdict: TypedVerdict }): VNode {
  const { neurons, objective, merged, lowerBound, excess, trained } = verdict;
  const better = objective < trained * (1 - rounding);
  return (
    <div role="status">
      <p>
        {formatCount(neurons, 'neuron')}, objective {formatNumber(objective)}
        {merged < objective * (1 - rounding) ? ` (${formatNumber(merged)} with every neuron balanced)` : ''}. No network
        goes below {formatNumber(lowerBound)}: that is proven.
        {excess !== null && ` Yours is at most ${formatPercent(Math.max(0, excess))} above the best of all.`}
      </p>
      <Result good={better}>
        {better
          ? `Better than the network that was trained (${formatNumber(trained)}).`
          : `The network that was trained has ${formatNumber(trained)}.`}
      </Result>
    </div>
  );
}
