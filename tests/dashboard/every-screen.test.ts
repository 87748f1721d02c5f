// Every screen as people meet it: light and dark, wide and on a phone. None has a fault that axe finds, none scrolls sideways, none asks
// another host.

import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sizeOf } from '../support/scope.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';
import { enter, HAS_BROWSER, openBrowser, openPage, settle, visit, WITHOUT_BROWSER } from './support/browser.ts';
import { type Night, tellNight } from './support/night.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const PHONE = { width: 390, height: 844 };
const WIDE = { width: 1280, height: 860 };
/** A night tries all four. */
const LOOKS = sizeOf<readonly (readonly [size: typeof WIDE, colors: 'light' | 'dark'])[]>({
  push: [
    [WIDE, 'light'],
    [PHONE, 'dark'],
  ],
  whole: [
    [WIDE, 'light'],
    [WIDE, 'dark'],
    [PHONE, 'light'],
    [PHONE, 'dark'],
  ],
});

/** As many as the story of the night needs: more rows are more of the same to look at. */
const BOARDS = 15;

/** What a screen shows only after a click. */
const OPENED: readonly (readonly [what: string, open: (page: Page) => Promise<void>])[] = [
  [
    'a new schedule',
    async (page) => {
      await visit(page, '/schedules');
      await page.getByRole('button', { name: 'Add a schedule' }).click();
      await page.getByText('When it runs').waitFor();
    },
  ],
  [
    'a new label',
    async (page) => {
      await visit(page, '/settings');
      await page.getByRole('button', { name: 'Make a label' }).click();
      await page.getByLabel(/^Query/).fill('version<9');
      await page.getByText(/who they are follows the boards/).waitFor();
    },
  ],
  [
    'the stages of a plan',
    async (page) => {
      await visit(page, '/rollouts/new?product=thermostat&version=1.3.0');
      await page.getByRole('button', { name: 'Change the stages of careful' }).click();
      await page.getByText('A window: installs only at certain hours').first().click();
      await page
        .getByText(/^More conditions/)
        .first()
        .click();
    },
  ],
  [
    'a preview with a simulation',
    async (page) => {
      await page.getByRole('button', { name: 'Keep the plan' }).click();
      await page.getByRole('button', { name: 'Show the preview' }).click();
      await page.getByRole('button', { name: 'Simulate' }).click();
      await page.getByText('What happens when').click();
    },
  ],
  ['filters of the list of boards', async (page) => openOnDevices(page, 'Filters')],
  ...sizeOf({ push: [], whole: ['Saved', 'Columns', 'Import CSV'] }).map(
    (button) => [button, async (page: Page) => openOnDevices(page, button)] as const,
  ),
  [
    'a hold of many',
    async (page) => {
      await page.keyboard.press('Escape');
      await visit(page, '/devices');
      await page.getByLabel('Select all loaded boards').click();
      await page.getByRole('button', { name: 'Hold', exact: true }).click();
    },
  ],
];

describe.runIf(HAS_BROWSER)('the dashboard', () => {
  let server: TestServer;
  let browser: Browser;
  let night: Night;
  let screens: readonly string[];
  beforeAll(async () => {
    server = await startTestServer();
    night = await tellNight(server, BOARDS);
    const { items } = await server.admin('listRollouts');
    await server.admin('setBudget', {
      params: { key: 'site' },
      body: { max_devices: 1, reason: 'one line at a time' },
    });
    await server.admin('createLabel', { body: { name: 'old', where: 'version<1.4', description: 'not yet there' } });
    await server.admin('labelDevice', { params: { device: night.shown.mac, name: 'site=porch' } });
    await server.admin('createSchedule', {
      body: { name: 'night', cron: '0 22 * * *', timezone: 'America/New_York', action: 'window', duration_s: 21_600 },
    });
    await server.admin('createSchedule', {
      body: { name: 'tuesday', cron: '0 3 * * 2', timezone: 'Europe/Berlin', action: 'pause', rollout: items[0]?.name },
    });
    screens = [
      '/',
      '/devices',
      '/rollouts',
      '/firmware',
      '/add-board',
      '/schedules',
      '/schedules?view=week&zone=mine',
      '/activity',
      '/server',
      '/settings',
      '/activity?show=audit',
      '/firmware?product=thermostat&version=1.4.0',
      '/rollouts/new?product=thermostat&version=1.4.0',
      `/devices/${night.shown.mac}`,
      // Those that are under way; the others look like them.
      ...items
        .filter(({ ended_at: ended, status }) => ended === null && status !== 'complete')
        .map(({ name }) => `/rollouts/${name}`),
    ];
    browser = await openBrowser(server);
  });
  afterAll(async () => {
    await browser.close();
    await server.end();
  });

  test('has no fault on any screen, wide and on a phone, light and dark', async () => {
    const { page, context, faults } = await openPage(browser, server);
    const found: string[] = [];
    await page.goto('/log-in');
    await page.getByLabel('Admin token').waitFor();
    found.push(...(await faultsOfLooks(page, '/log-in')));
    await enter(server, page);
    for (const [at, screen] of screens.entries()) {
      await visit(page, screen);
      // It begins as the one before it ended: to change the look costs as much as to look.
      found.push(...(await faultsOfLooks(page, screen, at % 2 === 0 ? LOOKS.toReversed() : LOOKS)));
    }
    for (const [what, open] of OPENED) {
      await open(page);
      found.push(...(await faultsOfLooks(page, what)));
    }
    expect([...found, ...faults]).toEqual([]);
    await context.close();
  });

  test('the page of the API asks nobody else, and leads nowhere else', async () => {
    const { page, context, faults } = await openPage(browser, server);
    await page.goto('/docs/');
    await page.getByRole('heading', { level: 1, name: 'Otter' }).first().waitFor();
    await page.getByText('/api/v1/check-update').first().waitFor();
    const links = await page
      .locator('a:visible')
      .evaluateAll((all) => all.map((one) => one.getAttribute('href') ?? ''));
    expect(links.filter((href) => /^https?:/.test(href) && !href.startsWith(server.url.origin))).toEqual([]);
    const shown = await page.locator('body').innerText();
    expect(/scalar|ask ai|mcp/i.exec(shown)?.[0]).toBeUndefined();
    // It tries whether it may make code of text, and goes on without.
    expect(faults.filter((fault) => fault !== 'the policy refused script-src eval')).toEqual([]);
    await context.close();
  });

  test('is found under every address that it shows, also when somebody loads it anew', async () => {
    const answers = await Promise.all(screens.map(async (screen) => server.fetch('GET', screen)));
    for (const [at, { status, headers }] of answers.entries())
      expect([screens[at], status, headers['content-type']]).toEqual([screens[at], 200, 'text/html; charset=utf-8']);
  });

  test('is kept to itself by its headers', async () => {
    const answer = await server.fetch('GET', '/devices/x');
    const policy = String(answer.headers['content-security-policy']);
    expect(policy).not.toContain('unsafe');
    const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? '?';
    expect(answer.body.toString()).toContain(`nonce="${nonce}"`);
    expect(answer.body.toString()).not.toMatch(/__[A-Z]+__/);
    expect(answer.body.toString()).toContain('<meta name="otter-command" content="npx otter" />');
    expect(String((await server.fetch('GET', '/')).headers['content-security-policy'])).not.toContain(nonce);
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'permissions-policy': expect.stringContaining('serial=(self)'),
      'x-content-type-options': 'nosniff',
    });
    const [, asset = ''] = /src="(\/assets\/[\w-]+\.js)"/.exec(answer.body.toString()) ?? [];
    const headers = { 'accept-encoding': 'gzip, br' };
    const script = await server.fetch('GET', asset, { headers });
    expect(script.headers).toMatchObject({
      'content-encoding': 'br',
      'cache-control': expect.stringContaining('immutable'),
    });
    for (const name of await readdir(join(import.meta.dirname, '../../dashboard/dist/assets')))
      expect([name, (await server.fetch('GET', `/assets/${name}`)).status]).toEqual([name, 200]);
    for (const path of ['/assets/nothing.js', '/assets/..%2f..%2fpackage.json', '/assets/index.html'])
      expect((await server.fetch('GET', path)).status).toBe(404);
  });
});

test.skipIf(HAS_BROWSER)(`the dashboard in a browser${WITHOUT_BROWSER}`, () => undefined);

async function openOnDevices(page: Page, button: string): Promise<void> {
  await visit(page, '/devices');
  await page.getByRole('button', { name: button, exact: true }).click();
}

/** One page in all looks: as a window that is made small, and a system that goes dark. */
async function faultsOfLooks(page: Page, screen: string, looks = LOOKS): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [at, [size, colors]] of looks.entries()) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme: colors });
    await page.locator(`[data-mantine-color-scheme="${colors}"]`).waitFor({ state: 'attached' });
    await settle(page);
    found.push(...(await faultsOf(page, `${screen}, ${size.width} px, ${colors}`, at === 0 ? EVERY_RULE : OTHER_LOOK)));
  }
  return found;
}

/** What axe finds, and whether the page is wider than its window. */
async function faultsOf(page: Page, screen: string, rules: string): Promise<readonly string[]> {
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(AXE);
  const { violations } = await page.evaluate<AxeResults>(`axe.run(${rules})`);
  const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
  return [
    ...violations.map(({ id, nodes }) => `${screen}: ${id}: ${nodes.map(textOf).join(' | ')}`),
    ...(wide > 0 ? [`${screen}: ${wide} px too wide`] : []),
  ];
}

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const EVERY_RULE = JSON.stringify({ runOnly: { type: 'tag', values: TAGS }, reporter: 'no-passes' });
/** Of the same elements in other colors and another width: by push what depends on those. */
const OTHER_LOOK = sizeOf({
  push: JSON.stringify({
    runOnly: [
      'color-contrast',
      'target-size',
      'scrollable-region-focusable',
      'link-in-text-block',
      'css-orientation-lock',
    ],
    reporter: 'no-passes',
  }),
  whole: EVERY_RULE,
});

interface AxeResults {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly AxeNode[] }[];
}

interface AxeNode {
  readonly html: string;
  readonly any: readonly { readonly message: string }[];
}

function textOf({ html, any }: AxeNode): string {
  return `${html.slice(0, 160)} ${any[0]?.message ?? ''}`;
}
