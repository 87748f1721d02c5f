// Schedules, budgets and labels, made in a real browser before a real server.

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DIALECTS, sizeOf } from '../support/scope.ts';
import type { TestServer } from '../support/server/server.ts';
import { enter, HAS_BROWSER, openPage } from './support/browser.ts';
import { bringBoards, closePorch, MACS, openPorch } from './support/porch.ts';

/** A push has one of each kind of page. */
const AT_NIGHT = sizeOf({ push: false, whole: true });

describe.runIf(HAS_BROWSER).each(DIALECTS)('settings in the dashboard, %s', (dialect) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    ({ server, browser } = await openPorch(dialect));
  });
  afterAll(async () => closePorch({ server, browser }));

  test.runIf(AT_NIGHT)('adds a schedule, is told when it would run, changes it and removes it', async () => {
    const { page, context, faults } = await openPage(browser, server);
    await enter(server, page, '/schedules');
    await page.getByRole('button', { name: 'Add a schedule' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('night');
    await dialog.getByLabel('What it does').selectOption('window');
    await dialog.getByLabel('Time zone').fill('Berlin');
    await dialog.getByText('Berlin is not a known time zone.').waitFor();
    await dialog.getByLabel('Time zone').fill('America/New_York');
    await dialog
      .getByText(/America\/New_York; here /)
      .first()
      .waitFor();
    await dialog.getByText('otter schedule add night --cron "0 3 * * *" --timezone America/New_York').waitFor();
    await dialog.getByRole('button', { name: 'Add it' }).click();
    await page.getByText('night is made').waitFor();
    await page.getByText('03:00 to 06:00').first().waitFor();
    await page.getByText('My zone').click();
    await page.getByText('09:00 to 12:00').first().waitFor();
    await page.getByText('Week', { exact: true }).click();
    await page
      .getByTitle(/^09:00 night: window of 3 h/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'More of night' }).click();
    await page.getByRole('menuitem', { name: 'Change' }).click();
    await dialog.getByLabel('Stays open for').fill('2h');
    await dialog.getByRole('button', { name: 'Change it' }).click();
    await page.getByText('night is changed').waitFor();
    expect((await server.admin('listSchedules')).items).toMatchObject([{ name: 'night', duration_s: 7_200 }]);
    await page.getByRole('button', { name: 'More of night' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('Nothing is scheduled').waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test.runIf(AT_NIGHT)('sets a budget, and makes a label by a query that says first how many it means', async () => {
    await bringBoards(server);
    const { page, context, faults } = await openPage(browser, server);
    await enter(server, page, '/settings');
    await page.getByText('Nobody is told anything yet.', { exact: false }).waitFor();
    await page.getByText('No program is told of events yet.', { exact: false }).waitFor();
    await page.getByRole('button', { name: 'Set a budget' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Label key').fill('site');
    await dialog.getByLabel('At most').fill('0');
    await dialog.getByRole('button', { name: 'Set it' }).click();
    await dialog.getByText(/must be >= 1/).waitFor();
    await dialog.getByLabel('At most').fill('2');
    await dialog.getByRole('button', { name: 'Set it' }).click();
    await page.getByText('Of each site, 2 boards at a time').waitFor();
    await page.getByRole('button', { name: 'Remove the budget of site' }).click();
    await dialog.getByRole('button', { name: 'Remove it' }).click();
    await page.getByText('The budget of site is gone').waitFor();
    await page.getByRole('button', { name: 'Make a label' }).click();
    await dialog.getByLabel('Name').fill('elders');
    await dialog.getByLabel(/^Query/).fill('chop = esp32');
    await dialog.getByText(/did you mean chip/).waitFor();
    await dialog.getByLabel(/^Query/).fill(`mac = "${MACS[0]?.slice(0, 14)}*"`);
    await dialog.getByText(`${MACS.length} boards`, { exact: true }).waitFor();
    await dialog.getByRole('button', { name: 'Make it' }).click();
    await page.getByText('Label elders is made').waitFor();
    await page.getByRole('button', { name: 'Delete label elders' }).click();
    await dialog.getByRole('button', { name: 'Delete it' }).click();
    await page.getByText('Label elders is gone').waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });
});
