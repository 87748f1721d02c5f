// How sessions begin and end, how several tabs of one browser share them, and what becomes of a tab that stays open: over an upgrade, on a line
// that goes silent. Before a real server.

import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { EVENT_SILENCE_MS, SESSION_IDLE_MS } from '#protocol/limits.ts';
import { DIALECTS, sizeOf } from '../support/scope.ts';
import { SilentLine } from '../support/silent-line.ts';
import type { TestServer } from '../support/server/server.ts';
import { enter, HAS_BROWSER, openPage } from './support/browser.ts';
import { bringBoards, checkIn, closePorch, MACS, openPorch } from './support/porch.ts';

/** A push has one of each kind of page. */
const AT_NIGHT = sizeOf({ push: false, whole: true });

describe.runIf(HAS_BROWSER).each(DIALECTS)('sessions in the dashboard, %s', (dialect) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    ({ server, browser } = await openPorch(dialect));
  });
  afterAll(async () => closePorch({ server, browser }));

  test.runIf(AT_NIGHT)('more tabs than a browser has connections all show the fleet, and stay live', async () => {
    await bringBoards(server);
    const { page, context, faults } = await openPage(browser, server);
    await enter(server, page);
    const tabs = [page];
    for (let more = 0; more < 5; more += 1) {
      const tab = await context.newPage();
      await tab.goto('/');
      tabs.push(tab);
      await tab.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor();
    }
    for (const tab of tabs) await tab.getByText('Live', { exact: true }).waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test('a session that ended leads to the log-in page, and back to where one was', async () => {
    const { page, context } = await openPage(browser, server);
    await enter(server, page, '/schedules');
    await page.getByText('Nothing is scheduled').waitFor();
    server.clock.advance(SESSION_IDLE_MS / 1000);
    // The next thing that is asked finds out; without a click it is the next poll.
    await page.getByRole('link', { name: 'Rollouts', exact: true }).click();
    await page.getByText('Your session is over').waitFor();
    await page.getByLabel('Admin token').fill('not the token');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').getByText('not the admin token').waitFor();
    await page.getByLabel('Admin token').fill(server.adminToken);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { level: 1, name: 'Rollouts' }).waitFor();
    const [session] = (await server.admin('getSessions')).items;
    await server.admin('revokeSession', { params: { session: session?.id ?? '' } });
    await page.getByRole('link', { name: 'Schedules', exact: true }).click();
    await page.getByText('Your session is over').waitFor();
    await context.close();
  });

  test('a session that ended in one tab is said to have ended in the others; who logs out is told nothing', async () => {
    const { page, context } = await openPage(browser, server);
    await enter(server, page, '/schedules');
    await page.getByText('Nothing is scheduled').waitFor();
    // As the server does with the first refusal that any tab gets.
    await context.clearCookies();
    await page.getByRole('link', { name: 'Rollouts', exact: true }).click();
    await page.getByText('Your session is over').waitFor();
    await enter(server, page);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Admin token').waitFor();
    expect(page.url()).toContain('/log-in');
    expect(await page.getByText('Your session is over').count()).toBe(0);
    await context.close();
  });

  test('a tab that was open over an upgrade, whose files are gone, loads itself anew; once', async () => {
    const { page, context } = await openPage(browser, server);
    await enter(server, page, '/schedules');
    await page.getByText('Nothing is scheduled').waitFor();
    let isGone = true;
    page.once('domcontentloaded', () => (isGone = false));
    await page.route(/assets\/rollouts-/, async (route) =>
      isGone ? route.fulfill({ status: 404, body: 'gone' }) : route.continue(),
    );
    await page.getByRole('link', { name: 'Rollouts', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Rollouts' }).waitFor();
    expect(page.url()).toBe(`${server.url.origin}/rollouts`);
    // What stays away is said, and not asked for without end.
    await page.route(/assets\/firmware-/, async (route) => route.fulfill({ status: 404, body: 'gone' }));
    await page.getByRole('link', { name: 'Firmware', exact: true }).click();
    await page.getByText('This page has failed').waitFor();
    await context.close();
  });

  test('a line that goes silent is found out, and what stood on it is asked anew', async () => {
    const line = await SilentLine.open(server.url);
    onTestFinished(() => line.close());
    const [mac = ''] = MACS;
    await checkIn(server, mac, '1.0.0');
    const { page, context, faults } = await openPage(browser, line);
    await page.clock.install();
    await enter(server, page);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'Devices', exact: true }).click();
    await page.getByText(mac).waitFor();
    line.goSilent();
    // No event tells of a check-in: it is what the list asks for every few seconds.
    await page.clock.fastForward(EVENT_SILENCE_MS);
    await page.getByText('Every 10 s').waitFor();
    line.comeBack();
    await checkIn(server, mac, '1.0.1');
    // The browser tries each connection that it had kept, one after the other.
    await passUntilShown(page, page.getByText('1.0.1').first());
    await passUntilShown(page, page.getByText('Live', { exact: true }));
    expect(faults).toEqual([]);
    await context.close();
  });

  test('a link logs in once, and its code does not stay in the address', async () => {
    const { page, context } = await openPage(browser, server);
    const { path } = await server.admin('createLoginLink', { body: {} });
    await page.goto(path);
    await page.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor();
    expect(page.url()).toBe(`${server.url.origin}/`);
    await context.clearCookies();
    await page.goto(path);
    await page.getByRole('alert').getByText('does not open anything').waitFor();
    await context.close();
  });
});

/** Time passes for the page, ten times as fast as it does, until it shows this. */
async function passUntilShown(page: Page, shown: Locator): Promise<void> {
  while (!(await shown.isVisible())) {
    await delay(1_000);
    await page.clock.fastForward(9_000);
  }
}
