import type { FromPanel, ToPanel } from '../../src/shared/protocol.ts';
import type { ViewState } from './viewState.ts';
import { restoreViewState } from './viewState.ts';

interface EditorApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): EditorApi;

/** The only place that talks to the editor. */
export interface Host {
  send(message: FromPanel): void;
  listen(receive: (message: ToPanel) => void): void;
  restore(): ViewState;
  remember(state: ViewState): void;
}

export function connectHost(): Host {
  const api = acquireVsCodeApi();
  return {
    send: (message) => api.postMessage(message),
    listen: (receive) =>
      window.addEventListener('message', (event: MessageEvent<unknown>) => {
        const { data } = event;
        if (typeof data === 'object' && data !== null && 'type' in data) receive(data as ToPanel);
      }),
    restore: () => restoreViewState(api.getState()),
    remember: (state) => api.setState(state),
  };
}
