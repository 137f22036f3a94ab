import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, type BrowserContext, type FrameLocator, type Locator, type Page } from 'playwright-core';
import { ensureChromium } from '../../../src/build/ensure.mjs';
import { Server, type ServerOptions } from './server.ts';

/** Under load a step may take several times as long; states are waited for, never times. */
const patienceMs = 90_000;

/**
 * Themes and icons: the other ninety extensions of the editor, of languages, version control and assistants, take a good part of the time of every start and
 * have nothing to do with tables.
 */
const builtin = ['theme-defaults', 'theme-seti'];

/** The workbench of a VS Code server in Chromium, driven as a person does. */
export class Workbench {
  private constructor(
    readonly server: Server,
    readonly page: Page,
    private readonly context: BrowserContext,
    private readonly profile: string,
  ) {}

  static async start(options: ServerOptions, viewport = { width: 1400, height: 900 }): Promise<Workbench> {
    const server = await Server.start({ builtin, ...options });
    const profile = mkdtempSync(path.join(tmpdir(), 'convexnet-chromium-'));
    const launched = chromium.launchPersistentContext(profile, {
      executablePath: ensureChromium(),
      headless: true,
      reducedMotion: 'reduce', // nothing is drawn again and again while a test waits
      viewport,
      timeout: 120_000,
      args: [
        ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
        ...['--disable-component-update', '--disable-sync'],
        '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost', // nothing but the local server
      ],
    });
    const context = await launched.catch(async (error: unknown) => {
      await server.stop();
      throw error;
    });
    const page = context.pages()[0] ?? (await context.newPage());
    page.setDefaultTimeout(patienceMs);
    return new Workbench(server, page, context, profile);
  }

  async close(): Promise<void> {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    await this.server.stop();
  }

  /**
   * Puts extensions under development (and the entry of tests) into the page's configuration, as an embedder of the web
   * workbench does. The page itself is not intercepted: Chromium refuses connections to loopback from a page that was.
   */
  async develop(extensions: readonly string[], tests?: string): Promise<void> {
    const uri = (file: string): object => ({
      $mid: 1,
      scheme: 'vscode-remote',
      authority: this.server.authority,
      path: file,
    });
    const options = { extensions: extensions.map(uri), ...(tests ? { extensionTestsPath: uri(tests) } : {}) };
    await this.page.addInitScript((given) => {
      if (window.top !== window) return;
      new MutationObserver((_records, observer) => {
        const meta = document.getElementById('vscode-workbench-web-configuration');
        if (!meta) return;
        observer.disconnect();
        const configuration = JSON.parse(meta.dataset.settings!) as { developmentOptions?: object };
        configuration.developmentOptions = { ...configuration.developmentOptions, ...given };
        meta.dataset.settings = JSON.stringify(configuration);
      }).observe(document, { childList: true, subtree: true });
    }, options);
  }

  /** Opens the workbench and waits until its extension host has started: menu items of extensions come after that. */
  async open(): Promise<void> {
    await this.ready(() => this.page.goto(this.server.address));
  }

  /** Looks away from the window, upon which the workbench keeps what its pages remember, and reloads it. */
  async reload(): Promise<void> {
    await this.page.evaluate(async () => {
      document.hasFocus = () => false;
      document.dispatchEvent(new Event('visibilitychange'));
      await new Promise((resolve) => setTimeout(resolve, 1_000)); // written a moment later
    });
    await this.ready(() => this.page.reload());
  }

  /** The page inside the results panel. */
  get panel(): FrameLocator {
    return this.page.frameLocator('iframe.webview.ready').first().frameLocator('iframe#active-frame');
  }

  /** The page in the webview with that heading, wherever its tab is; it must be in sight. */
  async pageHeaded(heading: string | RegExp): Promise<FrameLocator> {
    const frames = this.page.locator('iframe.webview.ready');
    for (const end = Date.now() + patienceMs; Date.now() < end; await this.page.waitForTimeout(100)) {
      for (let i = 0; i < (await frames.count()); i++) {
        const inner = this.page.frameLocator('iframe.webview.ready').nth(i).frameLocator('iframe#active-frame');
        const found = inner.locator('h1', { hasText: heading });
        if (await found.isVisible().catch(() => false)) return inner;
      }
    }
    throw new Error(`No page is headed ${heading}.`);
  }

  get quickInput(): Locator {
    return this.page.locator('.quick-input-widget:visible');
  }

  get menu(): Locator {
    return this.page.locator('.context-view .monaco-menu .action-item');
  }

  get toasts(): Locator {
    return this.page.locator('.notifications-toasts .notification-list-item');
  }

  explorerRow(name: string): Locator {
    return this.page.locator('.explorer-folders-view .monaco-list-row', { hasText: name });
  }

  /** Chooses from the context menu of a file. A menu takes no click in the moment it opens, so the click may be repeated. */
  async chooseFromMenu(file: string, item: string): Promise<void> {
    await this.explorerRow(file).click({ button: 'right' });
    const entry = this.menu.filter({ hasText: item });
    await entry.waitFor();
    for (let tries = 0; tries < 20; tries++) {
      await entry.click({ delay: 50, timeout: 2_000 }).catch(() => undefined);
      const gone = await entry.waitFor({ state: 'detached', timeout: 1_000 }).then(
        () => true,
        () => false,
      );
      if (gone) return;
    }
    throw new Error(`The menu of ${file} stayed open.`);
  }

  /** Runs a command from the palette by its exact title; the best match is not always the one with that title. */
  async runCommand(title: string): Promise<void> {
    await this.page.keyboard.press('F1');
    await this.quickInput.locator('.quick-input-box input').fill('>' + title);
    const label = JSON.stringify(title);
    await this.quickInput
      .locator(`.monaco-list-row[aria-label=${label}], .monaco-list-row[aria-label^=${label.slice(0, -1)}, "]`)
      .first()
      .click();
    await this.page.mouse.move(0, 0); // a resting pointer would mark a row of the next list
  }

  /**
   * The text box of the input with this title. Keys are sent through it and not through the page: a webview that had the focus
   * may take it back for a moment.
   */
  async input(title: string): Promise<Locator> {
    await this.quickInput.locator('.quick-input-title', { hasText: title }).waitFor();
    return this.quickInput.locator('.quick-input-box input');
  }

  /** Sets the colour theme and waits until the panel has taken it. */
  async setTheme(id: string, bodyClass: string): Promise<void> {
    await this.server.bridge.evaluate(async (vscode, theme: string) => {
      const global = vscode.ConfigurationTarget.Global;
      await vscode.workspace.getConfiguration('workbench').update('colorTheme', theme, global);
    }, id);
    await this.panel.locator(`body.${bodyClass}`).waitFor();
  }

  /** Sends a message to the extension as the page inside the panel does: through the function of the frame around it. */
  async sendFromPanel(message: unknown): Promise<void> {
    const frame = this.page.frameLocator('iframe.webview.ready').first();
    await frame.locator('html').evaluate((_html, sent) => {
      const send = (window as unknown as Record<string, (channel: string, data: object) => void>)
        .__vscode_post_message__;
      send('onmessage', { message: sent });
    }, message);
  }

  private async ready(go: () => Promise<unknown>): Promise<void> {
    const before = this.server.bridge.connections;
    await go();
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor({ timeout: 180_000 });
    await this.explorerRow('').first().waitFor({ timeout: 180_000 });
    await this.server.bridge.arrived(before);
  }
}
