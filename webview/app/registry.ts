import type { FunctionComponent } from 'preact';
import type { RunRecord } from '../../src/shared/run.ts';
import { compareView } from './views/compare/compareView.tsx';
import { dualsView } from './views/duals/dualsView.tsx';
import { layersView } from './views/layers/layersView.tsx';
import { neuronsView } from './views/neurons/neuronsView.tsx';
import { overviewView } from './views/overview/overviewView.tsx';
import { predictionsView } from './views/predictions/predictionsView.tsx';
import { sparsityView } from './views/sparsity/sparsityView.tsx';
import { structureView } from './views/structure/structureView.tsx';
import { subNetworksView } from './views/subNetworks/subNetworksView.tsx';

/** A page of the panel. A new one is a file that exports this and a line in `views`. */
export interface ViewDefinition {
  readonly id: string;
  readonly title: string;
  /** The question that the page answers, shown under its heading. */
  readonly question: string;
  /** Whether the run has anything for it; left out: always. */
  readonly available?: (run: RunRecord) => boolean;
  readonly View: FunctionComponent<{ readonly run: RunRecord }>;
}

export const views: readonly ViewDefinition[] = [
  overviewView,
  predictionsView,
  sparsityView,
  neuronsView,
  subNetworksView,
  layersView,
  dualsView,
  compareView,
  structureView,
];
