import type { VNode } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { RunRecord } from '../../src/shared/run.ts';
import { betaMaxHint } from '../../src/shared/verdict.ts';
import { Button, TextField } from '../ui/controls.ts';
import { exactNumber, formatNumber, formatPercent } from '../ui/format.ts';
import { betaScale, betaToStep, parseBeta, stepToBeta } from './betaScale.ts';
import { usePanel } from './panelContext.ts';
import { betaMaxWords } from './runData.ts';

/** Milliseconds between re-solves while dragging; and after the last key before the value is taken as final. */
const dragInterval = 60;
const keySettle = 500;

interface BetaHand {
  /** What the thumb and the field stand at. */
  readonly shown: number;
  readonly problem: string;
  readonly refuse: (problem: string) => void;
  readonly commit: (value: number) => void;
  readonly drag: (value: number) => void;
  readonly release: (value: number) => void;
  /** Whether a pointer holds the thumb. */
  readonly hold: (holds: boolean) => void;
}

/** Beta under the hand: while it is dragged the run is solved again every `dragInterval`; letting go makes a run of it. */
function useBetaHand(run: RunRecord): BetaHand {
  const { send } = usePanel();
  const { beta } = run.resolved;
  const [shown, setShown] = useState(beta);
  const [problem, setProblem] = useState('');
  const held = useRef(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const settle = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const wanted = useRef(beta);
  useEffect(() => {
    // A re-solve that answers late must not pull the thumb back under the hand.
    if (!held.current && settle.current === undefined) setShown(beta);
  }, [beta, run.id]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      clearTimeout(settle.current);
    },
    [],
  );

  const commit = (value: number): void => {
    clearTimeout(timer.current);
    clearTimeout(settle.current);
    timer.current = undefined;
    settle.current = undefined;
    setShown(value);
    setProblem('');
    send({ type: 'setBeta', beta: value, final: true });
  };
  const drag = (value: number): void => {
    wanted.current = value;
    setShown(value);
    setProblem('');
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      send({ type: 'setBeta', beta: wanted.current, final: false });
    }, dragInterval);
  };
  const release = (value: number): void => {
    if (held.current) {
      held.current = false;
      commit(value);
    } else {
      clearTimeout(settle.current);
      settle.current = setTimeout(() => commit(value), keySettle);
    }
  };
  const hold = (holds: boolean): void => {
    held.current = holds;
  };
  return { shown, problem, refuse: setProblem, commit, drag, release, hold };
}

/** Slider, field and halve/double for beta. Dragging re-solves live; letting go makes a run of it. */
export function BetaControl({ run }: { readonly run: RunRecord }): VNode {
  const { beta, betaMax } = run.resolved;
  const scale = useMemo(
    () => betaScale(betaMax, [beta, ...(run.path?.points.map((point) => point.beta) ?? [])]),
    [run.id, betaMax, run.path],
  );
  const { shown, problem, refuse, commit, drag, release, hold } = useBetaHand(run);
  const valueOf = (event: Event): number => stepToBeta(scale!, Number((event.target as HTMLInputElement).value));
  const relative = betaMax > 0 ? shown / betaMax : null;
  const words = `beta ${formatNumber(shown)}${relative === null ? '' : `, ${formatPercent(relative)} of beta max`}`;
  return (
    <div class="beta" role="group" aria-label="Regularisation">
      <label
        class="beta-label"
        for="beta-slider"
        title="Strength of the penalty. From beta max on, the zero network is optimal."
      >
        β
      </label>
      <input
        id="beta-slider"
        type="range"
        min={0}
        max={scale?.steps ?? 1}
        step={1}
        disabled={!scale}
        value={scale ? betaToStep(scale, shown) : 0}
        aria-label="Regularisation beta, log scale"
        aria-valuetext={words}
        onPointerDown={() => hold(true)}
        onPointerCancel={() => hold(false)}
        onInput={(event) => drag(valueOf(event))}
        onChange={(event) => release(valueOf(event))}
      />
      <TextField
        label="Beta"
        quiet
        size={22}
        suffix={relative === null ? undefined : `= ${formatPercent(relative)} of β max`}
        value={exactNumber(Number(shown.toPrecision(4)))}
        onCommit={(text) => {
          const value = parseBeta(text, betaMax);
          if (value === null) refuse('Beta must be a positive number, or a share of beta max such as 10 %.');
          else commit(value);
        }}
      />
      <Button label="÷2, halve beta" look="secondary" onPress={() => commit(shown / 2)}>
        ÷2
      </Button>
      <Button label="×2, double beta" look="secondary" onPress={() => commit(shown * 2)}>
        ×2
      </Button>
      <span class="beta-share" title={`beta max = ${exactNumber(betaMax)}. ${betaMaxHint(run)}`}>
        {relative === null ? '' : `β max ${betaMaxWords(run)}`}
      </span>
      {problem !== '' && (
        <span class="problem" role="alert">
          {problem}
        </span>
      )}
    </div>
  );
}
