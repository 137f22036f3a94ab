import { recorded } from '../../../../src/shared/recorded.ts';
import { text } from '../../../../src/shared/texts.ts';
import type { ComponentChildren, VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { relativeGap } from '../../../../src/core/problem/gap.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { standingOf } from '../../../../src/shared/usefulness.ts';
import { boundOverFamily, type Strength } from '../../../../src/shared/verdict.ts';
import { CopyTable } from '../../../ui/copyTable.tsx';
import { exactNumber, formatCount, formatGap, formatInteger, typeset } from '../../../ui/format.ts';
import { Icon } from '../../../ui/icon.tsx';
import type { IconName } from '../../../ui/icon.tsx';
import { Later } from '../../../ui/later.tsx';
import { longName } from '../../../ui/pagedTable.tsx';
import { Section, TextFacts } from '../../../ui/pieces.tsx';
import { Words } from '../../../ui/term.tsx';
import type { ViewDefinition } from '../../registry.ts';
import { panelVerdict, partCount, partNames } from '../../runData.ts';
import { settingFacts } from '../../runFacts.ts';
import { scoresAsText, scoreText } from '../../runTables.ts';
import { TraceCharts } from '../../stages.tsx';
import { timeTile } from '../../times.ts';
import { finishedTrace, traceBoundName } from '../../trace.ts';
import { Certificate, Residuals } from './certificate.tsx';
import { Columns, DataSummary, readWords } from './fileSummary.tsx';
import { FitPictures } from './fitPictures.tsx';
import { scoreTable, scoreTile } from './scores.ts';
import { Worth } from './worth.tsx';

export const overviewView: ViewDefinition = {
  id: 'overview',
  title: 'Overview',
  question: 'How good is this network, and how sure is that?',
  View: Overview,
};

function Overview({ run }: { readonly run: RunRecord }): VNode {
  return (
    <>
      <Worth run={run} />
      <Tiles run={run} />
      <Notes run={run} />
      <FitPictures run={run} />
      <Later>
        <Scores run={run} />
        <Certificate run={run} />
        <details class="more">
          <summary>How it was solved: residuals, settings, engine</summary>
          <div class="more-inside">
            <Residuals run={run} />
            <Settings run={run} />
            {run.trace.length > 0 && <Solving run={run} />}
          </div>
        </details>
        <details class="more" open={run.dataset.dropped.length > 0 || run.dataset.warnings.length > 0}>
          <summary>The file: {readWords(run)}</summary>
          <div class="more-inside">
            <DataSummary run={run} />
            <Columns run={run} />
          </div>
        </details>
      </Later>
    </>
  );
}

/** What most people came for, in four numbers. */
function Tiles({ run }: { readonly run: RunRecord }): VNode {
  const verdict = panelVerdict(run);
  const bound = boundOverFamily(run);
  const { many, one } = partNames(run);
  const count = partCount(run);
  const score = scoreTile(run);
  const time = timeTile(run);
  const gap = relativeGap(run.solution.objective, bound);
  return (
    <div class="tiles" role="group" aria-label="The run in four numbers">
      {score && (
        <Tile value={score.value} name={score.name} look={score.look}>
          {score.words}
        </Tile>
      )}
      <Tile
        value={
          <>
            <Icon name={strengthIcons[verdict.strength]} /> {verdict.word}
          </>
        }
        name={bound > 0 ? `gap ${formatGap(gap)} to the proven bound` : 'no bound over all networks'}
        look={badgeLook(run, verdict.strength)}
      />
      <Tile value={formatInteger(count)} name={`active ${count === 1 ? one : many}`}>
        {run.gates.count > 0 && `${formatCount(run.gates.count, partNames(run).gate)} in play`}
      </Tile>
      <Tile value={time.value} name={time.words} />
    </div>
  );
}

/** Green needs both: a proof, and a network that is not worse than a simple model beyond chance. */
function badgeLook(run: RunRecord, strength: Strength): Strength {
  return strength === 'proven' && standingOf(run.evaluation) === 'worse' ? 'bounded' : strength;
}

function Tile(props: {
  readonly value: ComponentChildren;
  readonly name: string;
  readonly look?: string;
  readonly children?: ComponentChildren;
}): VNode {
  return (
    <div class={`tile ${props.look ?? ''}`}>
      <div class="tile-value">{props.value}</div>
      <div class="tile-name">
        <Words text={props.name} />
      </div>
      {props.children && <div class="tile-more muted">{props.children}</div>}
    </div>
  );
}

function Notes({ run }: { readonly run: RunRecord }): VNode | null {
  if (run.notes.length === 0) return null;
  return (
    <ul class="notes" aria-label="Notes on this run">
      {run.notes.map((note) => (
        <li key={note}>
          <Icon name="info" /> <span>{typeset(recorded(note))}</span>
        </li>
      ))}
    </ul>
  );
}

function Solving({ run }: { readonly run: RunRecord }): VNode {
  const trace = useMemo(() => finishedTrace(run), [run]);
  return <TraceCharts trace={trace} tolerance={run.settings.tolerance} boundName={traceBoundName(run)} />;
}

const strengthIcons: Record<Strength, IconName> = {
  proven: 'check',
  bounded: 'bound',
  searched: 'info',
  gates: 'info',
  stopped: 'stop',
  broken: 'error',
};

function Scores({ run }: { readonly run: RunRecord }): VNode {
  const scores = useMemo(() => scoreTable(run.metrics), [run.metrics]);
  const hasTest = run.resolved.testRows > 0;
  return (
    <Section
      wide
      title="Scores against simple models"
      tools={<CopyTable caption="Scores" table={() => scoresAsText(run)} />}
      hint={
        hasTest
          ? `${formatCount(run.resolved.trainRows, 'training row')}, ${formatCount(run.resolved.testRows, 'row')} held out for testing. “best” marks the best score of a column.`
          : `${formatCount(run.resolved.trainRows, 'training row')}; no rows were held out, so nothing is said about new data.`
      }
    >
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Scores">
        <table class="scores">
          <caption class="visually-hidden">Scores of the network and of simple models</caption>
          <thead>
            <tr>
              <th scope="col" rowSpan={2}>
                Model
              </th>
              {scores.measures.map((measure) => (
                <th scope="colgroup" colSpan={hasTest ? 2 : 1} key={measure.name}>
                  {text(measure.name)}{' '}
                  <span class="muted">({measure.higherIsBetter ? 'higher' : 'lower'} is better)</span>
                </th>
              ))}
            </tr>
            <tr>
              {scores.measures.map((measure) => [
                <th scope="col" class="numeric" key={`${measure.name} train`}>
                  train
                </th>,
                hasTest && (
                  <th scope="col" class="numeric" key={`${measure.name} test`}>
                    test
                  </th>
                ),
              ])}
            </tr>
          </thead>
          <tbody>
            {scores.models.map((model) => (
              <tr key={model.name} class={model.name === run.metrics[0].model ? 'ours' : undefined}>
                <th scope="row" class={longName(text(model.name))}>
                  {text(model.name)}
                </th>
                {model.cells.map((cell, i) => (
                  <ScoreCells key={i} cell={cell} hasTest={hasTest} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

type ScoreCell = ReturnType<typeof scoreTable>['models'][number]['cells'][number];

function ScoreCells({ cell, hasTest }: { readonly cell: ScoreCell; readonly hasTest: boolean }): VNode {
  const show = (value: number | null, best: boolean): VNode => (
    <td class={best ? 'numeric best' : 'numeric'}>
      <span class="num" title={exactNumber(value)}>
        {scoreText(value)}
      </span>
      {best && <span class="best-word"> best</span>}
    </td>
  );
  return (
    <>
      {show(cell.train, cell.bestTrain)}
      {hasTest && show(cell.test, cell.bestTest)}
    </>
  );
}

function Settings({ run }: { readonly run: RunRecord }): VNode {
  return (
    <Section title="Settings and engine">
      <TextFacts facts={settingFacts(run)} />
    </Section>
  );
}
