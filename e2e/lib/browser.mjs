import { accessSync, constants, readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';
import { SdkClient } from './sdk-client.mjs';

/** The path of a Chromium: `CHROMIUM`, or the first known name in `PATH`; undefined when there is none. */
export function findChromium() {
  const named = process.env.CHROMIUM ? [process.env.CHROMIUM] : [];
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const paths = [...named, ...names.flatMap((name) => folders.map((folder) => join(folder, name)))];
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const require = createRequire(import.meta.url);
const pageModule = `
import { openRealm } from '/realm.mjs';
for (const fault of ['error', 'unhandledrejection']) {
  addEventListener(fault, (event) => {
    const error = event.reason ?? event.error;
    report({ kind: 'fault', fault, code: error?.code, text: String(error?.stack ?? error?.message ?? event.message) });
  });
}
globalThis.perform = openRealm(globalThis.TencentCloudChat, (message) => report(message));
`;
const files = {
  '/': [
    'text/html',
    () =>
      '<!doctype html><title>client</title><script src="/sdk.js"></script><script type="module" src="/page.mjs"></script>',
  ],
  '/sdk.js': ['text/javascript', () => readFileSync(require.resolve('@tencentcloud/chat'))],
  '/realm.mjs': ['text/javascript', () => readFileSync(new URL('./sdk-realm.mjs', import.meta.url))],
  '/page.mjs': ['text/javascript', () => pageModule],
};

/** Headless Chromium with pages that hold one SDK instance each. */
export class Browser {
  /** Starts Chromium and a small web server for the pages. */
  static async launch() {
    const self = new Browser();
    self.site = http.createServer((request, answer) => {
      const [type, read] = files[request.url] ?? [];
      answer.writeHead(type ? 200 : 404, { 'Content-Type': type ?? 'text/plain' });
      answer.end(type ? read() : '');
    });
    await new Promise((done) => self.site.listen(0, '127.0.0.1', done));
    self.chromium = await chromium.launch({
      executablePath: findChromium(),
      headless: true,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    return self;
  }

  /** Opens a page with an SDK instance for one user. */
  async client(server, userID, { proxyServer } = {}) {
    const context = await this.chromium.newContext();
    const page = await context.newPage();
    const client = new SdkClient(server, userID, (operation, args) =>
      page.evaluate((order) => globalThis.perform(order), { operation, args }),
    );
    client.page = page;
    await page.exposeBinding('report', (_source, message) => client.receive(message));
    await page.goto(`http://127.0.0.1:${this.site.address().port}/`);
    await page.waitForFunction(() => globalThis.perform !== undefined);
    await client.create(proxyServer);
    return client;
  }

  /** Ends Chromium and the web server. */
  async close() {
    await this.chromium.close();
    this.site.close();
    this.site.closeAllConnections();
  }
}
