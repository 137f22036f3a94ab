import type { ComponentChildren, VNode } from 'preact';
import { Component } from 'preact';
import { useState } from 'preact/hooks';
import { Button } from './controls.ts';
import { Icon } from './icon.tsx';

interface BoundaryProps {
  /** What is inside, as its heading says it. */
  readonly name: string;
  /** A line about what was to be shown, for the details; no cells of the data. */
  readonly context: string;
  /** What is shown has changed when this has: it is tried again. */
  readonly of: string;
  readonly children: ComponentChildren;
}

interface Caught {
  readonly error: unknown;
}

/** Keeps what goes wrong while its children are drawn to themselves: everything around them goes on, and the details can be copied. */
export class Boundary extends Component<BoundaryProps, { readonly caught: Caught | null }> {
  override state = { caught: null };

  static override getDerivedStateFromError(error: unknown): { caught: Caught } {
    return { caught: { error } };
  }

  override componentDidUpdate(before: BoundaryProps): void {
    if (before.of !== this.props.of && this.state.caught !== null) this.setState({ caught: null });
  }

  override render(): ComponentChildren {
    const { caught } = this.state as { readonly caught: Caught | null };
    const { name, context, of, children } = this.props;
    if (caught === null) return children;
    return (
      <Broken
        name={name}
        details={detailsOf(name, context, of, caught.error)}
        onRetry={() => this.setState({ caught: null })}
      />
    );
  }
}

function detailsOf(name: string, context: string, of: string, error: unknown): string {
  const what = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
  return [`Not drawn: ${name}`, context, of, what, navigator.userAgent].filter((line) => line !== '').join('\n');
}

function Broken({
  name,
  details,
  onRetry,
}: {
  readonly name: string;
  readonly details: string;
  readonly onRetry: () => void;
}): VNode {
  const [copied, setCopied] = useState<'no' | 'yes' | 'failed'>('no');
  const copy = (): void => {
    navigator.clipboard.writeText(details).then(
      () => setCopied('yes'),
      () => setCopied('failed'),
    );
  };
  return (
    <section class="banner error broken-view" role="alert" aria-label={`${name} cannot be drawn`}>
      <Icon name="error" />
      <div>
        <h2>{name} cannot be drawn</h2>
        <p>Something in this run is not as this page expects it. All other pages work; the run itself is unchanged.</p>
        <p class="row">
          <Button look="primary" onPress={copy}>
            Copy details
          </Button>
          <Button onPress={onRetry}>Try again</Button>
          <span role="status">{copied === 'yes' ? 'Copied.' : ''}</span>
        </p>
        {copied === 'failed' && <pre class="details">{details}</pre>}
      </div>
    </section>
  );
}
