// What a person does with a mouse, and by keyboard alone, from the log-in to the way back, before a real server whose boards are asked
// and answered over the real wire.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DIALECTS, sizeOf } from '../support/scope.ts';
import type { TestServer } from '../support/server/server.ts';
import { enter, HAS_BROWSER, openPage } from './support/browser.ts';
import { find, pressOn, tabTo } from './support/keyboard.ts';
import { nightImage } from './support/night.ts';
import { bringBoards, checkIn, closePorch, MACS, openPorch, PRODUCT } from './support/porch.ts';

/** A push has one of each kind of page. */
const AT_NIGHT = sizeOf({ push: false, whole: true });

describe.runIf(HAS_BROWSER).each(DIALECTS)('a person in front of the dashboard, %s', (dialect) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    ({ server, browser } = await openPorch(dialect));
  });
  afterAll(async () => closePorch({ server, browser }));

  /** A board takes what it is offered, and comes back from it. */
  async function failOn(mac: string, version: string): Promise<void> {
    const offer = await checkIn(server, mac, '1.0.0');
    expect(offer.update_available).toBe(true);
    await server.device('report-status', {
      mac,
      assignment_id: offer.assignment_id,
      sequence: 1,
      status: 'installing',
    });
    await checkIn(server, mac, version, { boot: { state: 'trial' } });
    await checkIn(server, mac, '1.0.0', { boot: { state: 'confirmed', reason: 'panic' } });
  }

  async function upload(page: Page, version: string): Promise<void> {
    await page.getByRole('link', { name: 'Firmware', exact: true }).click();
    // Add a board takes files, too.
    await page.getByRole('heading', { level: 1, name: 'Firmware' }).waitFor();
    await page.locator('input[type=file]').setInputFiles({
      name: `${version}.bin`,
      mimeType: 'application/octet-stream',
      buffer: nightImage(PRODUCT, version, 'esp32'),
    });
    await page.getByRole('button', { name: 'Upload', exact: true }).click();
    await page.getByText(`${PRODUCT} ${version} is stored`).waitFor();
  }

  test('goes from the first board over a build that halts to the way back', async () => {
    const { page, context, faults } = await openPage(browser, server);
    await page.goto('/');
    await page.getByLabel('Admin token').fill(server.adminToken);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('Your first board is minutes away').waitFor();
    await page.getByRole('main').getByRole('link', { name: 'Add a board' }).first().click();
    await page.getByText('No new board yet').waitFor();
    await expect
      .poll(async () => page.locator('pre, code').allTextContents())
      .toContainEqual(expect.stringContaining(server.fleetToken));
    await bringBoards(server);
    await page.getByText('Welcome,').first().waitFor();

    await upload(page, '1.0.0');
    await page.getByRole('button', { name: 'Upload another' }).click();
    await upload(page, '1.1.0');
    await page.getByRole('button', { name: 'What now?' }).click();
    await page.getByRole('link', { name: 'Roll it out' }).click();
    await page.getByRole('radio', { name: 'steady' }).click();
    await page.getByRole('button', { name: 'Show the preview' }).click();
    await page.getByText('4 boards', { exact: true }).first().waitFor();
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: `${PRODUCT}-1.1.0-steady` }).waitFor();
    await page.getByText('Running', { exact: true }).waitFor();

    await failOn(MACS[0] ?? '', '1.1.0');
    // By the event stream: nothing is clicked.
    await page.getByText('It halted by itself.').waitFor();
    await page.getByRole('link', { name: 'Fleet', exact: true }).click();
    await page
      .getByText(/is halted/)
      .first()
      .waitFor();
    await server.tick();
    await page.getByRole('img', { name: `Boards of ${PRODUCT} by version` }).waitFor();
    expect(await page.getByRole('table', { name: `Boards of ${PRODUCT} by version` }).innerText()).toMatch(
      /1\.0\.0[^]*4/,
    );
    await page.getByText('14 days').click();
    await page.waitForURL(/hours=336/);
    await page.getByRole('link', { name: 'Decide' }).click();
    // What went wrong is shown first; the others by a click.
    const late = page.getByRole('region', { name: 'Boards that are not there yet' });
    await late.getByRole('link', { name: MACS[0] ?? '' }).waitFor();
    expect(await late.getByRole('row').count()).toBe(2);
    await late.getByText('waiting 3').click();
    await late.getByRole('link', { name: MACS[1] ?? '' }).waitFor();
    await page.getByRole('button', { name: 'Abort and roll back' }).click();
    await page.getByText('No board runs this build').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Abort and roll back' }).click();
    await page.getByRole('main').getByText('Aborted', { exact: true }).first().waitFor();
    const { items } = await server.admin('listRollouts');
    expect(items).toMatchObject([{ status: 'aborted', version: '1.1.0' }]);

    await page.goto(`/devices/${MACS[0]}`);
    await page.getByText('rolled back', { exact: false }).first().waitFor();
    await page.getByRole('button', { name: /Show all \d+ rules/ }).click();
    await page.locator('[aria-current="true"]').getByText('decided').waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test.runIf(AT_NIGHT)('does the same by keyboard alone', async () => {
    const { page, context, faults } = await openPage(browser, server);
    await page.goto('/');
    await page.getByLabel('Admin token').waitFor();
    await tabTo(page, 'Admin token');
    await page.keyboard.type(server.adminToken);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor();

    await bringBoards(server);
    await find(page, 'firmware');
    await page.getByRole('heading', { level: 1, name: 'Firmware' }).waitFor();
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), pressOn(page, /choose/i)]);
    await chooser.setFiles({
      name: '1.2.0.bin',
      mimeType: 'application/octet-stream',
      buffer: nightImage(PRODUCT, '1.2.0', 'esp32'),
    });
    await page.getByRole('button', { name: 'Upload', exact: true }).waitFor();
    await pressOn(page, 'Upload');
    await page.getByText(`${PRODUCT} 1.2.0 is stored`).waitFor();
    await pressOn(page, 'What now?');
    await page.getByRole('link', { name: 'Roll it out' }).waitFor();
    await pressOn(page, 'Roll it out');
    await page.getByRole('radio', { name: 'steady' }).waitFor();
    await tabTo(page, /careful|steady|urgent/);
    while (!(await page.getByRole('radio', { name: 'steady' }).isChecked())) await page.keyboard.press('ArrowDown');
    await pressOn(page, 'Show the preview');
    await page.getByText('4 boards', { exact: true }).first().waitFor();
    await pressOn(page, 'Start');
    await page.getByRole('heading', { level: 1, name: `${PRODUCT}-1.2.0-steady` }).waitFor();
    await failOn(MACS[0] ?? '', '1.2.0');
    await page.getByText('It halted by itself.').waitFor();
    await find(page, 'fleet');
    await page.getByRole('link', { name: 'Decide' }).waitFor();
    await pressOn(page, 'Decide');
    await page.getByText('It halted by itself.').waitFor();
    await pressOn(page, 'Abort and roll back');
    await page.getByRole('dialog').getByText('No board runs this build').waitFor();
    await pressOn(page, 'Abort and roll back');
    await page.getByRole('main').getByText('Aborted', { exact: true }).first().waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test('writes stages of its own, is told beside the field, and sees how it would go', async () => {
    await bringBoards(server);
    await server.admin('uploadFirmware', {
      query: { product: PRODUCT, version: '1.0.5', pilot_ready: 'true' },
      body: nightImage(PRODUCT, '1.0.5', 'esp32'),
    });
    const { page, context, faults } = await openPage(browser, server);
    await enter(server, page, `/rollouts/new?product=${PRODUCT}&version=1.0.5`);
    await page.getByRole('button', { name: 'Change the stages of careful' }).click();
    const second = page.getByRole('region', { name: 'Stage 2' });
    await page.getByLabel('Name of the plan').fill('porch');
    await page.getByRole('button', { name: 'Move few up' }).click();
    await page.getByRole('region', { name: 'Stage 1' }).getByRole('heading', { name: '1. few' }).waitFor();
    await page.getByRole('button', { name: 'Remove few' }).click();
    await second.getByLabel('Share of them, %').fill('half');
    await page.getByRole('button', { name: 'Keep the plan' }).click();
    await second.getByText('must be integer').waitFor();
    await second.getByLabel('Share of them, %').fill('50');
    await page.getByLabel('Ask the board first').check();
    await page.getByLabel('Not asked any more after').fill('2d');
    // What is not kept is not lost by a click.
    await page.getByRole('link', { name: 'Fleet', exact: true }).click();
    await page.getByRole('dialog').getByText('The stages that you wrote are lost.').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('The plan as text').click();
    await page.getByText('"force_after_s": 172800').waitFor();
    await page.getByRole('button', { name: 'Keep the plan' }).click();
    await page.getByText('Plan porch is kept').waitFor();
    expect(await server.admin('getPlan', { params: { name: 'porch' } })).toMatchObject({
      consent: 'board',
      force_after_s: 172_800,
      stages: [{ name: 'pilot' }, { name: 'some', percentage: 50 }, { name: 'everyone' }],
    });
    await page.getByRole('button', { name: 'Show the preview' }).click();
    // Which stage the few boards are in is up to the seed of the rollout.
    await page
      .getByText(/^Boards of (some|everyone)$/)
      .first()
      .click();
    await page
      .getByRole('list', { name: /^Boards of / })
      .getByRole('link')
      .first()
      .waitFor();
    await page.getByLabel('Bad on so many, %').fill('100');
    await page.getByRole('button', { name: 'Simulate' }).click();
    await page.getByRole('img', { name: /Boards that run the build: .*halted after/ }).waitFor();
    await page.getByRole('button', { name: 'Back to the plan' }).click();
    await page.getByRole('radio', { name: 'porch' }).waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test('who comes second sees the new state, and is told', async () => {
    await server.admin('createRollout', { body: { version: '1.0.0', product: PRODUCT, name: 'second' } });
    await server.admin('startRollout', { params: { name: 'second' }, body: {} });
    const { page, context } = await openPage(browser, server);
    await enter(server, page, '/rollouts/second');
    await page.getByRole('button', { name: 'Pause' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Pause' }).waitFor();
    await server.admin('abortRollout', { params: { name: 'second' }, body: { reason: 'not needed' } });
    await dialog.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Somebody was faster').waitFor();
    await page.getByText('It ended: Not needed.').waitFor();
    await context.close();
  });
});
