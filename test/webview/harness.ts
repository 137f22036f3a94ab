import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import * as v from 'valibot';
import { type FromLesson, fromLessonSchema, type ToLesson } from '../../src/shared/lesson.ts';
import { pageChunks } from '../../src/build/pageChunks.mjs';
import { ensureChromium } from '../../src/build/ensure.mjs';
import { type FromComparison, fromComparisonSchema, type ToComparison } from '../../src/shared/comparisonPage.ts';
import { panelPolicy } from '../../src/shared/csp.ts';
import { type FromLab, fromLabSchema, type ToLab } from '../../src/shared/lab.ts';
import type { FromPanel, PanelSnapshot, ToPanel } from '../../src/shared/protocol.ts';
import { fromPanelSchema } from '../../src/shared/protocol.ts';
import { type FromStudy, fromStudySchema, type ToStudy } from '../../src/study/page.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { type FromPreview, fromPreviewSchema, type ToPreview } from '../../src/shared/preview.ts';
import type { ThemeName } from './themes.ts';
import { themes } from './themes.ts';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const results = path.join(root, 'test-results', 'webview');

/** A page of the extension in a real browser, under the policy that it has in the editor, with the other end of its messages. */
export interface OpenPage<From, To> {
  readonly page: Page;
  /** What the page sent so far; every message was checked against the protocol. */
  readonly sent: readonly From[];
  /** What it keeps across reloads. */
  readonly kept: () => Promise<unknown>;
  /** Resolves when the page has taken the message and drawn. */
  readonly post: (message: To) => Promise<void>;
  /** Resolves when the page has drawn. */
  readonly frame: () => Promise<void>;
  setTheme(name: ThemeName): Promise<void>;
  tab(title: string): Promise<void>;
  shot(name: string): Promise<void>;
  /** Policy violations, console errors and messages that are not of the protocol. */
  readonly faults: readonly string[];
  close(): Promise<void>;
}

export interface OpenPanel extends OpenPage<FromPanel, ToPanel> {
  show(run: RunRecord | null, more?: Partial<PanelSnapshot>): Promise<void>;
}
export type OpenLab = OpenPage<FromLab, ToLab>;
export type OpenStudy = OpenPage<FromStudy, ToStudy>;

export interface OpenOptions {
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
  readonly kept?: unknown;
  /** The editor's language; left out: English. */
  readonly language?: 'de' | 'zh-cn';
}

export interface Pages<P> {
  open(options?: OpenOptions): Promise<P>;
  close(): Promise<void>;
}
export type Panels = Pages<OpenPanel>;

/** Chromium without a network. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: ensureChromium(),
    timeout: 120_000,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
    ],
  });
}

/** The built results panel; one for all tests of a file. */
export function startPanels(): Promise<Panels> {
  return startPages('webview', 'Convex Network', async (open) => {
    const panel = await open(fromPanelSchema);
    const show: OpenPanel['show'] = (run, more = {}) =>
      panel.post({
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
    return { ...panel, show };
  });
}

/** The built Lab; one for all tests of a file. */
export function startLabs(): Promise<Pages<OpenLab>> {
  return startPages('lab', 'Lab', (open) => open(fromLabSchema));
}

/** The built Study page; one for all tests of a file. */
export function startStudies(): Promise<Pages<OpenStudy>> {
  return startPages('lab', 'Study', (open) => open(fromStudySchema), 'study');
}

/** The page of lessons. */
export function startLessons(): Promise<Pages<OpenPage<FromLesson, ToLesson>>> {
  return startPages('lab', 'Lesson', (open) => open(fromLessonSchema), 'lesson');
}

/** The page of runs beside each other. */
export function startComparisons(): Promise<Pages<OpenPage<FromComparison, ToComparison>>> {
  return startPages('lab', 'Compare Runs', (open) => open(fromComparisonSchema), 'comparison');
}

/** The built data preview. */
export function startPreviews(): Promise<Pages<OpenPage<FromPreview, ToPreview>>> {
  return startPages('preview', 'Data Preview', (open) => open(fromPreviewSchema));
}

/** What a page's script imports when it begins, as the host names it. */
function preloads(name: string, nonce: string): string {
  const metafiles = JSON.parse(readFileSync(path.join(root, 'dist/metafiles.json'), 'utf8')) as Parameters<
    typeof pageChunks
  >[0];
  return (pageChunks(metafiles)[name] ?? [])
    .map((file) => `<link rel="modulepreload" nonce="${nonce}" href="/${file}">`)
    .join('');
}

type Schema<From> = v.GenericSchema<unknown, From>;

/** Starts the browser and a server with `dist/NAME.js` and `.css`. */
async function startPages<P>(
  name: string,
  title: string,
  opened: (open: <From, To>(schema: Schema<From>) => Promise<OpenPage<From, To>>) => Promise<P>,
  page = name,
): Promise<Pages<P>> {
  if (!existsSync(path.join(root, `dist/${name}.js`))) throw new Error(`dist/${name}.js is missing: npm run build`);
  mkdirSync(results, { recursive: true });
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/') {
      const nonce = randomBytes(18).toString('base64');
      const language = /^[a-z-]+$/.exec(url.searchParams.get('language') ?? '')?.[0];
      const texts =
        language === undefined ? '' : readFileSync(path.join(root, `l10n/bundle.l10n.${language}.json`), 'utf8');
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      response.end(`<!DOCTYPE html><html lang="${language ?? 'en'}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${panelPolicy("'self'", nonce)}">
<link rel="stylesheet" href="/${name}.css">${preloads(name, nonce)}<title>${title}</title></head>
<body><div id="app" data-page="${page}"></div><script type="application/json" id="texts">${texts.replace(/</g, '\\u003c')}</script><script type="module" nonce="${nonce}" src="/${name}.js"></script></body></html>`);
      return;
    }
    const file = /^\/page-\w+\.js$/.test(url.pathname)
      ? 'text/javascript'
      : { [`/${name}.js`]: 'text/javascript', [`/${name}.css`]: 'text/css' }[url.pathname];
    if (!file) {
      response.writeHead(url.pathname === '/favicon.ico' ? 204 : 404).end();
      return;
    }
    response.writeHead(200, { 'content-type': file });
    response.end(readFileSync(path.join(root, 'dist', url.pathname)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const browser = await launchBrowser();
  const idle: Tab[] = [];
  return {
    open: (options = {}) =>
      opened(async (schema) => {
        const query = options.language === undefined ? '' : `?language=${options.language}`;
        const tab = idle.pop() ?? (await newTab(browser));
        return openPage(tab, idle, `http://127.0.0.1:${port}/${query}`, schema, options);
      }),
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

/** A tab of the browser, and who listens to the page that is open in it. A tab is used again: a new one costs a process and cold caches. */
interface Tab {
  readonly page: Page;
  listener: { readonly message: (message: unknown) => void; readonly fault: (text: string) => void };
}

async function newTab(browser: Browser): Promise<Tab> {
  const context = await browser.newContext({ locale: 'en-US', reducedMotion: 'reduce' });
  const page = await context.newPage();
  const tab: Tab = { page, listener: { message: () => undefined, fault: () => undefined } };
  await page.exposeFunction('__sent', (message: unknown) => tab.listener.message(message));
  await page.exposeFunction('__fault', (text: string) => tab.listener.fault(text));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') tab.listener.fault(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => tab.listener.fault(`page: ${error.stack ?? error.message}`));
  // The test loader wraps functions in a helper of this name, which the page does not have.
  await page.addInitScript({ content: 'globalThis.__name = (f) => f;' });
  return tab;
}

async function openPage<From, To>(
  tab: Tab,
  idle: Tab[],
  url: string,
  schema: Schema<From>,
  { theme = 'dark', width = 1000, height = 900, kept }: OpenOptions,
): Promise<OpenPage<From, To>> {
  const { page } = tab;
  const sent: From[] = [];
  const faults: string[] = [];
  let told = (): void => undefined;
  const ready = new Promise<void>((resolve) => (told = resolve));
  tab.listener = {
    message: (message) => {
      if ((message as { readonly type?: unknown } | null)?.type === 'ready') told();
      const parsed = v.safeParse(schema, message);
      if (parsed.success) sent.push(parsed.output);
      else faults.push(`message not of the protocol: ${JSON.stringify(message).slice(0, 300)}`);
    },
    fault: (text) => faults.push(text),
  };
  await page.setViewportSize({ width, height });
  const stubbed = await page.addInitScript(stub, { kept: kept ?? null, ...themes[theme] });
  await page.goto(url, { waitUntil: 'load' });
  // a page listens from when it says that it is ready, which may be after it was loaded
  const late = setTimeout(() => {
    faults.push('the page did not say that it is ready');
    told();
  }, 30_000);
  await ready;
  clearTimeout(late);
  /** Messages are handled in order: once a later one has arrived, so has this. They pass as text, which is what the editor makes of them as well. */
  const post = (message: To): Promise<void> =>
    page.evaluate(
      (json) =>
        new Promise<void>((resolve) => {
          window.addEventListener('message', function heard(event: MessageEvent) {
            if (event.data !== 'heard') return;
            window.removeEventListener('message', heard);
            resolve();
          });
          window.postMessage(JSON.parse(json), '*');
          window.postMessage('heard', '*');
        }),
      JSON.stringify(message),
    );
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
    frame: settle,
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
      if (process.env.SHOTS === undefined) return;
      await settle();
      await page.screenshot({ path: path.join(results, `${name}.png`), fullPage: true });
    },
    close: async () => {
      await stubbed.dispose();
      await page.goto('about:blank');
      idle.push(tab);
    },
  };
}

/** Looks again and again until there is something: what is awaited is a state, never a time. */
export async function until<T>(what: string, find: () => T | Promise<T>): Promise<Exclude<T, undefined | false>> {
  const end = Date.now() + 30_000;
  for (;;) {
    const found = await find();
    if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    assert.ok(Date.now() < end, `never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
