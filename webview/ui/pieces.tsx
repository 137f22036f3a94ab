import type { ComponentChildren, VNode } from 'preact';
import { useId } from 'preact/hooks';
import { exactNumber, formatNumber, shortName } from './format.ts';
import { Words } from './term.tsx';

/** A part of a view with its heading. */
export function Section(props: {
  readonly title: string;
  readonly hint?: string;
  readonly wide?: boolean;
  readonly tools?: ComponentChildren;
  readonly children: ComponentChildren;
}): VNode {
  const id = useId();
  return (
    <section class={props.wide ? 'card wide' : 'card'} aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{props.title}</h2>
        {props.tools}
      </div>
      {props.hint !== undefined && (
        <p class="muted">
          <Words text={props.hint} />
        </p>
      )}
      {props.children}
    </section>
  );
}

export interface Fact {
  readonly name: string;
  readonly value: ComponentChildren;
  readonly hint?: string;
}

/** Names and values; the full-precision number of a `Num` is in its tooltip. */
export function Facts({ facts }: { readonly facts: readonly Fact[] }): VNode {
  return (
    <dl class="facts">
      {facts.map((fact) => (
        <div key={fact.name} title={fact.hint}>
          <dt>
            <Words text={fact.name} />
          </dt>
          <dd>{fact.value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The same for facts in text; the full number is in the tooltip of the value. */
export function TextFacts({
  facts,
}: {
  readonly facts: readonly (Omit<Fact, 'value'> & { readonly value: string; readonly exact?: string })[];
}): VNode {
  return (
    <Facts
      facts={facts.map(({ exact, value, ...fact }) => ({
        ...fact,
        value: exact === undefined ? value : <span title={exact}>{value}</span>,
      }))}
    />
  );
}

export function Num({ value, digits = 5 }: { readonly value: number | null; readonly digits?: number }): VNode {
  return (
    <span class="num" title={exactNumber(value)}>
      {formatNumber(value, digits)}
    </span>
  );
}

/** One value of a bar list. */
export interface Bar {
  readonly name: string;
  readonly value: number;
}

/** Signed values as bars around a common zero, with names of any length; a table to a screen reader. */
export function BarTable(props: {
  readonly caption: string;
  readonly bars: readonly Bar[];
  readonly nameTitle: string;
  readonly valueTitle: string;
}): VNode {
  const largest = Math.max(...props.bars.map((bar) => Math.abs(bar.value)), 1e-300);
  const signed = props.bars.some((bar) => bar.value < 0);
  return (
    <table class={signed ? 'bars signed' : 'bars'}>
      <caption class="visually-hidden">{props.caption}</caption>
      <thead class="visually-hidden">
        <tr>
          <th scope="col">{props.nameTitle}</th>
          <th scope="col">{props.valueTitle}</th>
        </tr>
      </thead>
      <tbody>
        {props.bars.map((bar) => (
          <tr key={bar.name}>
            <th scope="row" title={bar.name}>
              <span class="bar-name">{shortName(bar.name)}</span>
            </th>
            <td>
              <span class="bar-track" aria-hidden="true">
                <span
                  class={bar.value < 0 ? 'bar-fill negative' : 'bar-fill'}
                  style={{ width: `${((signed ? 50 : 100) * Math.abs(bar.value)) / largest}%` }}
                />
              </span>
              <span class="bar-value">
                <Num value={bar.value} digits={3} />
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
