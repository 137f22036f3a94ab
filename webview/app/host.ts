import type { FromPanel, ToPanel } from '../../src/shared/protocol.ts';
import { connectEditor, type Editor } from '../ui/editor.ts';
import { restoreViewState, type ViewState } from './viewState.ts';

export type Host = Editor<FromPanel, ToPanel, ViewState>;

export function connectHost(): Host {
  return connectEditor(restoreViewState);
}
