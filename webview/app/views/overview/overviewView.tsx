import type { ComponentChildren, VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { relativeGap } from '../../../../src/core/problem/gap.ts';
import { scalingWords } from '../../../../src/core/data/scaling.ts';
import { batchNormWords } from '../../../../src/shared/batchNorm.ts';
import { outputPenaltyNames, outputPenaltyWords } from '../../../../src/shared/outputs.ts';
import { optimalSetWords } from '../../../../src/shared/optimalSet.ts';
import type { ColumnSummary, RunRecord } from '../../../../src/shared/run.ts';
import { standingOf } from '../../../../src/shared/usefulness.ts';
import { networkNameOf } from '../../../../src/shared/networkName.ts';
import {
  betaMaxHint,
  betaMaxIsProven,
  boundOverFamily,
  batchNormCheck,
  networkCheck,
  searchesPatterns,
  type Strength,
} from '../../../../src/shared/verdict.ts';
import { Icon } from '../../../ui/icon.tsx';
import type { IconName } from '../../../ui/icon.tsx';
import {
  formatBytes,
  formatCount,
  formatGap,
  formatInteger,
  formatLine,
  formatNumber,
  formatPercent,
  typeset,
} from '../../../ui/format.ts';
import type { Fact } from '../../../ui/pieces.tsx';
import { Facts, Num, Section } from '../../../ui/pieces.tsx';
import { Words } from '../../../ui/term.tsx';
import { PagedTable } from '../../../ui/pagedTable.tsx';
import type { ViewDefinition } from '../../registry.ts';
import { betaMaxWords, gapPartsWords, modelNames, panelVerdict, partCount, partNames } from '../../runData.ts';
import { timeTile, timeWords } from '../../times.ts';
import { TraceCharts } from '../../stages.tsx';
import { finishedTrace, traceBoundName } from '../../trace.ts';
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
    </>
  );
}

function readWords({ dataset, resolved }: RunRecord): string {
  const left = dataset.rowsTotal - dataset.rowsUsed;
  return `${formatCount(dataset.rowsUsed, 'row')}${left > 0 ? ` (${formatInteger(left)} left out)` : ''}, ${formatCount(resolved.inputs, 'encoded input')}`;
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
          <Icon name="info" /> <span>{typeset(note)}</span>
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

/** The claim, why it holds, and the numbers behind it. */
function Certificate({ run }: { readonly run: RunRecord }): VNode {
  const verdict = panelVerdict(run);
  const check = networkCheck(run);
  const normalised = batchNormCheck(run);
  const optima = optimalSetWords(run);
  return (
    <section class={`card verdict ${verdict.strength}`} aria-labelledby="verdict">
      <h2 id="verdict">{typeset(verdict.headline)}</h2>
      <p class="prose-line">
        <Words text={typeset([verdict.because, gapPartsWords(run)].filter((text) => text !== '').join(' '))} />
      </p>
      <Numbers run={run} />
      {optima !== undefined && <p class="prose-line">{optima}</p>}
      <p class="muted prose-line">
        {check.agrees
          ? `Checked by running the exported network on the training rows: its own objective is ${formatNumber(run.solution.networkObjective, 8)}, ${differenceWords(
              check.difference,
            )}.`
          : `Warning: the exported network, run on the training rows, has objective ${formatNumber(run.solution.networkObjective, 8)}, which differs by a relative ${formatNumber(check.difference, 2)}.`}
      </p>
      {normalised !== undefined && (
        <p class="muted prose-line">
          {batchNormWords(run)} Run in that form on the training rows, its objective is{' '}
          {formatNumber(normalised.objective, 8)}, {differenceWords(normalised.difference)}.
        </p>
      )}
    </section>
  );
}

const differenceWords = (difference: number): string =>
  difference < 1e-15 ? 'the same number' : `a relative difference of ${formatNumber(difference, 2)}`;

function Numbers({ run }: { readonly run: RunRecord }): VNode {
  const { solution, resolved } = run;
  const penalty = solution.objective - solution.datafit;
  const share = solution.objective > 0 ? solution.datafit / solution.objective : 0;
  const facts: Fact[] = [
    {
      name: 'Objective',
      value: <Num value={solution.objective} digits={7} />,
      hint: 'Datafit plus beta times the sum of group norms. Losses are summed over rows; squared loss is half the sum of squares.',
    },
    {
      name:
        solution.scope === 'all-arrangements'
          ? 'Proven lower bound'
          : searchesPatterns(run)
            ? 'Lower bound for the patterns found'
            : `Lower bound for these ${partNames(run).gate}s`,
      value: <Num value={solution.dualBound} digits={7} />,
      hint: 'Value of a feasible dual point: no network of the program has a smaller objective.',
    },
    {
      name:
        searchesPatterns(run) && solution.scope === 'sampled' ? 'Relative gap for the patterns found' : 'Relative gap',
      value: <span title={String(solution.relativeGap)}>{formatGap(solution.relativeGap)}</span>,
    },
  ];
  const over = solution.global && solution.global.proof !== 'none' ? solution.global.lowerBound : null;
  if (solution.global && over !== null && Math.abs(over - solution.dualBound) > 1e-9 * Math.abs(over)) {
    facts.push({
      name: 'Lower bound over all networks',
      value: <Num value={solution.global.lowerBound} digits={7} />,
      hint: solution.global.reason,
    });
  }
  return (
    <>
      <Facts facts={facts} />
      <div class="split-bar" aria-hidden="true">
        <span class="split-a" style={{ width: `${100 * Math.max(0, Math.min(1, share))}%` }} />
        <span class="split-b" />
      </div>
      <p class="split-words">
        <span>
          <span class="key key-a" aria-hidden="true" /> <Words text={`Datafit (${resolved.loss})`} />{' '}
          <Num value={solution.datafit} /> ({formatPercent(share)})
        </span>
        <span>
          <span class="key key-b" aria-hidden="true" /> β · sum of norms <Num value={penalty} /> (
          {formatPercent(1 - share)})
        </span>
      </p>
      {resolved.outputs > 1 && (
        <p class="muted prose-line">{outputPenaltyWords(networkNameOf(run.settings), resolved.outputPenalty)}</p>
      )}
    </>
  );
}

/** Residuals of the optimality conditions, those that were computed. */
function Residuals({ run }: { readonly run: RunRecord }): VNode | null {
  const { kkt } = run.solution;
  const residual = (name: string, value: number | undefined, hint: string): Fact[] =>
    value === undefined ? [] : [{ name, value: <Num value={value} digits={2} />, hint }];
  const facts = [
    ...residual(
      'Stationarity',
      kkt.stationarity,
      'Relative distance of minus the gradient to the subdifferential of the penalty.',
    ),
    ...residual('Cone', kkt.cone, 'Largest violation of the activation constraints, relative.'),
    ...residual(
      'Complementarity',
      kkt.complementarity,
      'How far the penalty is from what the dual values pay for the fit, relative to the objective.',
    ),
  ];
  if (facts.length === 0) return null;
  return (
    <Section title="Residuals of the optimality conditions">
      <Facts facts={facts} />
    </Section>
  );
}

function Scores({ run }: { readonly run: RunRecord }): VNode {
  const scores = useMemo(() => scoreTable(run.metrics), [run.metrics]);
  const hasTest = run.resolved.testRows > 0;
  return (
    <Section
      wide
      title="Scores against simple models"
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
                  {measure.name} <span class="muted">({measure.higherIsBetter ? 'higher' : 'lower'} is better)</span>
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
                <th scope="row">{model.name}</th>
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
      {/* Sizes at the rounding of the sums are zero, not small numbers. */}
      <Num value={value !== null && Math.abs(value) < 1e-12 ? 0 : value} digits={4} />
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

function DataSummary({ run }: { readonly run: RunRecord }): VNode {
  const { dataset, resolved } = run;
  const facts: Fact[] = [
    { name: 'File', value: dataset.name, hint: dataset.uri },
    { name: 'Size', value: formatBytes(dataset.bytes) },
    { name: 'Rows used', value: `${formatInteger(dataset.rowsUsed)} of ${formatInteger(dataset.rowsTotal)}` },
    { name: 'Split', value: `${formatInteger(resolved.trainRows)} train, ${formatInteger(resolved.testRows)} test` },
    { name: 'Encoded inputs', value: formatInteger(resolved.inputs) },
    {
      name: 'Read as',
      value: `${dataset.encoding}, separator ${separatorName(dataset.delimiter)}, decimal “${dataset.decimal}”`,
    },
    { name: 'SHA-256', value: <code title={dataset.sha256}>{dataset.sha256.slice(0, 12)}…</code> },
  ];
  return (
    <Section title="Data">
      <Facts facts={facts} />
      {dataset.dropped.length > 0 && (
        <>
          <h3>Rows left out</h3>
          <ul>
            {dataset.dropped.map((drop) => (
              <li key={drop.reason}>
                {formatCount(drop.count, 'row')}: {drop.reason}
                {drop.lines.length > 0 &&
                  ` (line${drop.lines.length > 1 ? 's' : ''} ${drop.lines
                    .slice(0, 8)
                    .map(formatLine)
                    .join(', ')}${drop.count > Math.min(8, drop.lines.length) ? ', …' : ''})`}
              </li>
            ))}
          </ul>
        </>
      )}
      {dataset.warnings.length > 0 && (
        <ul class="notes" aria-label="Warnings about the data">
          {dataset.warnings.map((warning) => (
            <li key={warning}>
              <Icon name="warning" /> {warning}
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

/** Every column of the file: what it is used for and how it is encoded. */
function Columns({ run }: { readonly run: RunRecord }): VNode {
  const { dataset } = run;
  return (
    <Section title="Columns of the file" wide>
      <PagedTable<ColumnSummary>
        caption="Columns of the file"
        hideCaption
        rows={dataset.columns}
        rowKey={(column) => column.name}
        pageSize={12}
        columns={[
          {
            id: 'name',
            title: 'Column',
            cell: (column) => <span class="long-name">{column.name}</span>,
            sortBy: (column) => column.name,
          },
          { id: 'role', title: 'Role', cell: (column) => column.role, sortBy: (column) => column.role },
          { id: 'kind', title: 'Kind', cell: (column) => column.kind, sortBy: (column) => column.kind },
          {
            id: 'distinct',
            title: 'Distinct',
            numeric: true,
            cell: (column) => formatInteger(column.distinct),
            sortBy: (column) => column.distinct,
          },
          {
            id: 'missing',
            title: 'Missing',
            numeric: true,
            cell: (column) => formatInteger(column.missing),
            sortBy: (column) => column.missing,
          },
          { id: 'note', title: 'Encoding', cell: (column) => column.note },
        ]}
      />
    </Section>
  );
}

function separatorName(delimiter: string): string {
  return { ',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'bar', ' ': 'space' }[delimiter] ?? `“${delimiter}”`;
}

function Settings({ run }: { readonly run: RunRecord }): VNode {
  const { settings, resolved, solution } = run;
  const asked = (value: string, given: string): string => (given === 'auto' ? `${value} (chosen)` : value);
  const facts: Fact[] = [
    {
      name: 'Model',
      value: modelNames[networkNameOf(settings)],
      hint: batchNormWords(run),
    },
    { name: 'Task', value: asked(resolved.task, settings.task) },
    { name: 'Loss', value: asked(resolved.loss, settings.loss) },
    {
      name: 'Beta',
      value: (
        <>
          <Num value={resolved.beta} /> ({formatPercent(resolved.betaMax > 0 ? resolved.beta / resolved.betaMax : null)}{' '}
          of beta max)
        </>
      ),
      hint: `Belongs to the features ${scalingWords(run.scaling)}.`,
    },
    {
      name: 'Beta max',
      value: `${betaMaxWords(run)}${betaMaxIsProven(run) ? (searchesPatterns(run) ? ' (proven)' : ' (exact)') : ''}`,
      hint: betaMaxHint(run),
    },
    { name: 'Features', value: scalingWords(run.scaling) },
    {
      name: 'Bias',
      value: { regularized: 'regularised', free: 'free', none: 'none' }[settings.bias],
    },
    {
      name: 'Activation patterns',
      value: settings.arrangements === 'sampled' ? `${formatInteger(settings.gates)} sampled` : settings.arrangements,
    },
    ...(resolved.outputs > 1
      ? [
          {
            name: 'Penalty over outputs',
            value: outputPenaltyNames[resolved.outputPenalty],
            hint: outputPenaltyWords(networkNameOf(settings), resolved.outputPenalty),
          },
        ]
      : []),
    { name: 'Seed', value: String(settings.seed) },
    { name: 'Tolerance', value: <Num value={settings.tolerance} digits={2} /> },
    { name: 'Solver', value: solution.method },
    { name: 'Ended', value: solution.status.replace('-', ' ') },
    { name: 'Steps', value: formatInteger(solution.iterations) },
    { name: 'Time', value: `${timeWords(run)}; ${formatCount(solution.threads, 'thread')}` },
    { name: 'Version', value: run.version },
  ];
  return (
    <Section title="Settings and engine">
      <Facts facts={facts} />
    </Section>
  );
}
