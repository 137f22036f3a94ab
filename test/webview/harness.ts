import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import * as v from 'valibot';
import { ensureChromium } from '../../src/build/ensure.mjs';
import { panelPolicy } from '../../src/shared/csp.ts';
import type { FromPanel, PanelSnapshot, ToPanel } from '../../src/shared/protocol.ts';
import { fromPanelSchema } from '../../src/shared/protocol.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import type { ThemeName } from './themes.ts';
import { themes } from './themes.ts';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const results = path.join(root, 'test-results', 'webview');

/** A panel in a real browser, under the policy that it has in the editor, with the other end of its messages. */
export interface OpenPanel {
  readonly page: Page;
  /** What the panel sent so far; every message was checked against the protocol. */
  readonly sent: readonly FromPanel[];
  /** What it keeps across reloads. */
  readonly kept: () => Promise<unknown>;
  post(message: ToPanel): Promise<void>;
  show(run: RunRecord | null, more?: Partial<PanelSnapshot>): Promise<void>;
  setTheme(name: ThemeName): Promise<void>;
  tab(title: string): Promise<void>;
  shot(name: string): Promise<void>;
  /** Policy violations, console errors and messages that are not of the protocol. */
  readonly faults: readonly string[];
  close(): Promise<void>;
}

export interface Panels {
  open(options?: { theme?: ThemeName; width?: number; height?: number; kept?: unknown }): Promise<OpenPanel>;
  close(): Promise<void>;
}

/** Starts the browser and a server with the built panel; one for all tests of a file. */
export async function startPanels(): Promise<Panels> {
  if (!existsSync(path.join(root, 'dist/webview.js'))) throw new Error('dist/webview.js is missing: npm run build');
  mkdirSync(results, { recursive: true });
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/') {
      const nonce = randomBytes(18).toString('base64');
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      response.end(`<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${panelPolicy("'self'", nonce)}">
<link rel="stylesheet" href="/webview.css"><title>Convex Network</title></head>
<body><div id="app"></div><script nonce="${nonce}" src="/webview.js"></script></body></html>`);
      return;
    }
    const file = { '/webview.js': 'text/javascript', '/webview.css': 'text/css' }[url.pathname];
    if (!file) {
      response.writeHead(url.pathname === '/favicon.ico' ? 204 : 404).end();
      return;
    }
    response.writeHead(200, { 'content-type': file });
    response.end(readFileSync(path.join(root, 'dist', url.pathname)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const browser: Browser = await chromium.launch({
    executablePath: ensureChromium(),
    timeout: 120_000,
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
    ],
  });
  return {
    open: (options = {}) => openPanel(browser, `http://127.0.0.1:${port}/`, options),
    close: async () => {
      await browser.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Runs in the page before anything else: the editor's side of the webview. */
function stub({
  kept,
  bodyClass,
  variables,
}: {
  kept: unknown;
  bodyClass: string;
  variables: Record<string, string>;
}): void {
  const w = window as unknown as Record<string, unknown>;
  let state = kept;
  w.acquireVsCodeApi = () => ({
    postMessage: (message: unknown) => (w.__sent as (m: unknown) => void)(structuredClone(message)),
    getState: () => state,
    setState: (value: unknown) => {
      state = structuredClone(value);
    },
  });
  w.__kept = () => state;
  w.__theme = (name: string, values: Record<string, string>) => {
    document.documentElement.removeAttribute('style');
    for (const [key, value] of Object.entries(values)) document.documentElement.style.setProperty(key, value);
    document.body.className = name;
    document.body.setAttribute('data-vscode-theme-kind', name.split(' ')[0]);
  };
  document.addEventListener('securitypolicyviolation', (event) =>
    (w.__fault as (m: string) => void)(
      `policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`,
    ),
  );
  const apply = (): void => (w.__theme as (n: string, v: Record<string, string>) => void)(bodyClass, variables);
  new MutationObserver((_, observer) => {
    if (!document.body) return;
    observer.disconnect();
    apply();
  }).observe(document, { childList: true, subtree: true });
}

async function openPanel(
  browser: Browser,
  url: string,
  {
    theme = 'dark',
    width = 1000,
    height = 900,
    kept,
  }: { theme?: ThemeName; width?: number; height?: number; kept?: unknown },
): Promise<OpenPanel> {
  const context: BrowserContext = await browser.newContext({
    viewport: { width, height },
    locale: 'en-US',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const sent: FromPanel[] = [];
  const faults: string[] = [];
  await page.exposeFunction('__sent', (message: unknown) => {
    const parsed = v.safeParse(fromPanelSchema, message);
    if (parsed.success) sent.push(parsed.output);
    else faults.push(`message not of the protocol: ${JSON.stringify(message).slice(0, 300)}`);
  });
  await page.exposeFunction('__fault', (text: string) => faults.push(text));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`page: ${error.stack ?? error.message}`));
  // The test loader wraps functions in a helper of this name, which the page does not have.
  await page.addInitScript({ content: 'globalThis.__name = (f) => f;' });
  await page.addInitScript(stub, { kept: kept ?? null, ...themes[theme] });
  await page.goto(url, { waitUntil: 'load' });
  const post = (message: ToPanel): Promise<void> => page.evaluate((m) => window.postMessage(m, '*'), message);
  const settle = (): Promise<void> =>
    page.evaluate(
      () =>
        new Promise<void>((resolve) =>
          requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 30))),
        ),
    );
  return {
    page,
    sent,
    faults,
    kept: () => page.evaluate(() => (window as unknown as { __kept: () => unknown }).__kept()),
    post: async (message) => {
      await post(message);
      await settle();
    },
    show: async (run, more = {}) => {
      await post({
        type: 'snapshot',
        state: run ? 'done' : 'idle',
        run,
        progress: null,
        trace: [],
        error: null,
        stale: false,
        history: run ? [{ id: run.id, label: run.label }] : [],
        ...more,
      });
      await settle();
    },
    setTheme: async (name) => {
      await page.evaluate(
        (t) =>
          (window as unknown as { __theme: (n: string, v: Record<string, string>) => void }).__theme(
            t.bodyClass,
            t.variables,
          ),
        themes[name],
      );
      await settle();
    },
    tab: async (title) => {
      await page.getByRole('tab', { name: title }).click();
      await settle();
    },
    shot: async (name) => {
      await settle();
      await page.screenshot({ path: path.join(results, `${name}.png`), fullPage: true });
    },
    close: () => context.close(),
  };
}

/** Waits until a condition on the messages or the page holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 30_000;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
