/** Whether this code runs in a browser: in the extension host that is a Web Worker there, or in a worker of it. */
export const inBrowser = 'WorkerGlobalScope' in globalThis;
