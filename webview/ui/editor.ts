interface EditorApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): EditorApi;

/** The editor as a page sees it: messages to and from the extension, and what the page remembers across reloads. */
export interface Editor<Out, In, State> {
  send(message: Out): void;
  listen(receive: (message: In) => void): void;
  restore(): State;
  remember(state: State): void;
}

/** The only place that talks to the editor. `restore` reads what was remembered, whatever shape it has. Once per page. */
export function connectEditor<Out, In extends { readonly type: string }, State>(
  restore: (value: unknown) => State,
): Editor<Out, In, State> {
  const api = acquireVsCodeApi();
  return {
    send: (message) => api.postMessage(message),
    listen: (receive) =>
      window.addEventListener('message', (event: MessageEvent<unknown>) => {
        const { data } = event;
        if (typeof data === 'object' && data !== null && 'type' in data) receive(data as In);
      }),
    restore: () => restore(api.getState()),
    remember: (state) => api.setState(state),
  };
}
