// A real Chromium before a real server. Every page is watched: what its policy refused, what it asked of other hosts, what it threw.

import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { TestServer } from '../../support/server/server.ts';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/opt/google/chrome/chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  String.raw`C:\Program Files\Google\Chrome\Application\chrome.exe`,
];

const PATIENCE_MS = 120_000;

const PATH = [process.env['OTTER_CHROMIUM'] ?? '', ...PLACES].find((place) => existsSync(place));

export const HAS_BROWSER = PATH !== undefined;

/** In the name of what is skipped without one. */
export const WITHOUT_BROWSER = HAS_BROWSER
  ? ''
  : ' (skipped: no Chromium here; apt-get install chromium, or OTTER_CHROMIUM=its path)';

// Said out loud: a run that is green without a browser proved less.
if (!HAS_BROWSER) process.stderr.write(`tests of the dashboard in a browser:${WITHOUT_BROWSER}\n`);

/**
 * It knows the key of this server, as boards do. A certificate that is waved through instead costs a second handshake for each connection, keeps
 * every file out of the cache, and at times ends in ERR_TOO_MANY_RETRIES.
 */
export async function openBrowser({ pin }: TestServer): Promise<Browser> {
  if (PATH === undefined) throw new Error('no Chromium');
  const key = Buffer.from(pin.sha256, 'hex').toString('base64');
  return chromium.launch({
    executablePath: PATH,
    args: ['--no-sandbox', '--disable-dev-shm-usage', `--ignore-certificate-errors-spki-list=${key}`],
  });
}

export interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly colors?: 'light' | 'dark';
}

export interface Watched {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What should never happen, as it happened. */
  readonly faults: string[];
}

/** `server`: it, or a line to it. */
export async function openPage(browser: Browser, server: Pick<TestServer, 'url'>, look: Look = {}): Promise<Watched> {
  const { width = 1280, height = 860, colors = 'light' } = look;
  const context = await browser.newContext({
    baseURL: server.url.origin,
    locale: 'en-US',
    timezoneId: 'Europe/Berlin',
    viewport: { width, height },
    colorScheme: colors,
    reducedMotion: 'reduce',
  });
  // As long as `vi.waitFor` has it: the machine may be busy.
  context.setDefaultTimeout(PATIENCE_MS);
  const faults: string[] = [];
  const page = await context.newPage();
  page.on('pageerror', (error) => faults.push(`threw ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
      faults.push(`console: ${message.text()}`);
  });
  // What the policy refuses is told by the page that it stood in, whatever the console says of it.
  await page.exposeFunction('otterRefused', (what: string) => void faults.push(`the policy refused ${what}`));
  await page.addInitScript(
    `addEventListener('securitypolicyviolation', (event) => otterRefused(event.violatedDirective + ' ' + event.blockedURI))`,
  );
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== server.url.origin && url.protocol !== 'blob:') faults.push(`asked ${url.href}`);
  });
  page.on('requestfailed', (request) => {
    const text = request.failure()?.errorText ?? '';
    if (request.url().includes('/assets/') && text !== 'net::ERR_ABORTED')
      faults.push(`${request.url()} failed: ${text}`);
  });
  page.on('response', (response) => {
    if (response.url().includes('/assets/') && response.status() >= 400)
      faults.push(`${response.url()}: ${response.status()}`);
  });
  page.on('dialog', (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, context, faults };
}

/** Logs in, and opens this page; the log-in page itself is not needed for it. */
export async function enter(server: TestServer, page: Page, address = '/'): Promise<void> {
  const answer = await page
    .context()
    .request.post('/api/v1/log-in', { data: { token: server.adminToken }, ignoreHTTPSErrors: true });
  if (!answer.ok()) throw new Error(`log-in answered ${answer.status()}: ${await answer.text()}`);
  await page.goto(address);
  await page.getByRole('navigation', { name: 'Main' }).waitFor({ state: 'attached' });
}

/** To another screen as a click on a link goes there: what is loaded stays. */
export async function visit(page: Page, address: string): Promise<void> {
  await page.evaluate(`history.pushState(null, '', ${JSON.stringify(address)})`);
  await settle(page);
}

/** Waits until nothing is on its way any more: no loader, no skeleton. */
export async function settle(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  await page.locator('[aria-label="Loading"]').first().waitFor({ state: 'detached' });
  await page.evaluate('document.fonts.ready.then(() => undefined)');
}
