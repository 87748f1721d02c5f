// What a person does with a mouse, and by keyboard alone, from the log-in to the way back, before a real server whose boards are asked and answered over the
// real wire; and how sessions end.

import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SESSION_IDLE_MS } from '#protocol/limits.ts';
import { DIALECTS, sizeOf } from '../support/scope.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';
import { enter, HAS_BROWSER, openBrowser, openPage, visit } from './support/browser.ts';
import { find, pressOn, tabTo } from './support/keyboard.ts';
import { nightImage } from './support/night.ts';

/** At night: a push has the first story, and one of each kind of page. */
const AT_NIGHT = sizeOf({ push: false, whole: true });
const MACS = ['01', '02', '03', '04'].map((end) => `24:6f:28:00:01:${end}`);
const PRODUCT = 'porch-light';

describe.runIf(HAS_BROWSER).each(DIALECTS)('a person in front of the dashboard, %s', (dialect) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
    server.clock.nowMs = Date.now();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await server.end();
  });

  const checkIn = async (mac: string, version: string, more: Record<string, unknown> = {}) =>
    server.checkIn(mac, version, { product: PRODUCT, chip: 'esp32', boot: { state: 'confirmed' }, ...more });

  async function bringBoards(): Promise<void> {
    server.clock.nowMs = Date.now();
    for (const mac of MACS) await checkIn(mac, '1.0.0');
  }

  /** A board takes what it is offered, and comes back from it. */
  async function failOn(mac: string, version: string): Promise<void> {
    const offer = await checkIn(mac, '1.0.0');
    expect(offer.update_available).toBe(true);
    await server.device('report-status', {
      mac,
      assignment_id: offer.assignment_id,
      sequence: 1,
      status: 'installing',
    });
    await checkIn(mac, version, { boot: { state: 'trial' } });
    await checkIn(mac, '1.0.0', { boot: { state: 'confirmed', reason: 'panic' } });
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
    await bringBoards();
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

    await bringBoards();
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
    await bringBoards();
    await server.admin('uploadFirmware', {
      query: { product: PRODUCT, version: '1.0.5', pilot_ready: 'true' },
      body: nightImage(PRODUCT, '1.0.5', 'esp32'),
    });
    const { page, context, faults } = await openPage(browser, server);
    await enter(server, page);
    await visit(page, `/rollouts/new?product=${PRODUCT}&version=1.0.5`);
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
    await enter(server, page);
    await page.goto('/rollouts/second');
    await page.getByRole('button', { name: 'Pause' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Pause' }).waitFor();
    await server.admin('abortRollout', { params: { name: 'second' }, body: { reason: 'not needed' } });
    await dialog.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Somebody was faster').waitFor();
    await page.getByText('It ended: Not needed.').waitFor();
    await context.close();
  });

  test('finds a board, labels it, and the address says what is shown', async () => {
    await bringBoards();
    const { page, context } = await openPage(browser, server);
    await enter(server, page);
    await page.goto('/devices');
    await page.getByLabel(`Select ${MACS[1]}`).click();
    await page.getByRole('button', { name: 'Label', exact: true }).click();
    await page.getByRole('dialog').getByLabel('Label', { exact: true }).fill('porch');
    await page.getByRole('button', { name: 'Label 1 board' }).click();
    await page.getByText('1 board got label porch').waitFor();
    await page.goto('/devices?label=porch');
    await page.getByText('1 board', { exact: true }).waitFor();
    expect(await page.getByRole('link', { name: MACS[1] ?? '' }).count()).toBe(1);
    await page.keyboard.press('Control+k');
    await page.getByRole('textbox', { name: 'Find' }).fill('24:6f:28:00:01:03');
    // Enter before the board is found opens it all the same.
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: '24:6f:28:00:01:03' }).waitFor();
    await server.admin('nameDevice', { params: { device: MACS[3] ?? '' }, body: { name: 'Back door' } });
    await page.keyboard.press('Control+k');
    await page.getByRole('textbox', { name: 'Find' }).fill('back d');
    await page.getByText('Back door', { exact: true }).waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/devices\//);
    await page
      .getByRole('main')
      .getByText(MACS[3] ?? '')
      .first()
      .waitFor();
    await context.close();
  });

  test('holds a board, makes it a test board, and freezes a product', async () => {
    await bringBoards();
    const { page, context, faults } = await openPage(browser, server);
    await enter(server, page);
    await page.goto(`/devices/${MACS[2]}`);
    await page.getByRole('button', { name: 'Hold', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Until').selectOption('in 12 hours');
    await dialog.getByLabel('Reason').fill('on the bench');
    await dialog.getByRole('button', { name: 'Hold it' }).click();
    await page.getByText('On the bench.').waitFor();
    const held = async () => (await server.admin('getDevice', { params: { device: MACS[2] ?? '' } })).device;
    expect((await held()).hold).toMatchObject({ reason: 'on the bench', until: expect.any(String), way_back: 'open' });
    await page.getByRole('button', { name: 'More commands' }).click();
    await page.getByRole('menuitem', { name: 'Make it a test board' }).click();
    await dialog.getByRole('button', { name: 'Make it one' }).click();
    await expect.poll(async () => (await held()).counted).toBe('no');
    await page.getByRole('button', { name: 'Release' }).click();
    await page.getByText('It is not held any more').waitFor();
    expect((await held()).hold).toBeNull();
    await page.getByRole('button', { name: 'More commands' }).click();
    await page.getByRole('menuitem', { name: 'Skip a version' }).click();
    await dialog.getByLabel('Version').selectOption('1.1.0');
    await dialog.getByLabel('Reason').fill('no display here');
    await dialog.getByRole('button', { name: 'Skip 1.1.0' }).click();
    await page.getByText('Does not get 1.1.0.').waitFor();
    expect((await held()).cancelled).toMatchObject({ version: '1.1.0', goes_back: false });
    await page.getByRole('button', { name: 'Let it try again' }).click();
    await page.getByText('It may try again').waitFor();

    await page.getByRole('link', { name: 'Fleet', exact: true }).click();
    await page.getByRole('button', { name: `More of ${PRODUCT}` }).click();
    await page.getByRole('menuitem', { name: `Freeze ${PRODUCT}` }).click();
    await dialog.getByLabel('Reason').fill('trade fair');
    await dialog.getByRole('button', { name: 'Freeze it' }).click();
    await page.getByText('Trade fair.').waitFor();
    await page.getByRole('button', { name: 'Unfreeze' }).click();
    await page.getByText(`${PRODUCT} is not frozen any more`, { exact: true }).waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test('lets a board in that asks with another token, and revokes it', async () => {
    await bringBoards();
    const [mac = ''] = MACS;
    const token = (letter: string): string => `otd_${letter.repeat(43)}`;
    for (const letter of ['p', 'q'])
      await server.json('POST', '/api/v1/enrol', { token: server.fleetToken, body: { mac, token: token(letter) } });
    const { page, context, faults } = await openPage(browser, server);
    await enter(server, page);
    await page.getByRole('button', { name: 'As 3 commands to choose from' }).waitFor();
    await page.getByRole('link', { name: 'See who asks' }).click();
    await page.getByRole('link', { name: mac }).click();
    await page.getByText('Asks to be let in').waitFor();
    await page.getByRole('button', { name: 'Let it in' }).click();
    await page.getByText('Asks to be let in').waitFor({ state: 'detached' });
    const check = { mac, current_version: '1.0.0', labels: [], product: PRODUCT };
    const asked = async (letter: string): Promise<number> =>
      (await server.json('POST', '/api/v1/check-update', { token: token(letter), body: check })).status;
    expect([await asked('p'), await asked('q')]).toEqual([401, 200]);
    await page.getByRole('button', { name: 'More commands' }).click();
    await page.getByRole('menuitem', { name: 'Revoke its token' }).click();
    await page.getByText('The same as a command').click();
    await page.getByText(`otter device revoke ${mac}`).waitFor();
    await page.getByRole('button', { name: 'Revoke it' }).click();
    await page.getByText('Its token was revoked.').waitFor();
    expect(await asked('q')).toBe(401);
    await page.getByRole('button', { name: 'Let it enrol anew' }).click();
    await page.getByText('It may enrol anew').waitFor();
    const { body } = await server.json('POST', '/api/v1/enrol', {
      token: server.fleetToken,
      body: { mac, token: token('r') },
    });
    expect(body).toEqual({ state: 'accepted' });
    expect(faults).toEqual([]);
    await context.close();
  });

  test.runIf(AT_NIGHT)('more tabs than a browser has connections all show the fleet, and stay live', async () => {
    await bringBoards();
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

  test('asks the list in words, and is told where they cannot be read', async () => {
    const { page, context } = await openPage(browser, server);
    await enter(server, page);
    await page.goto('/devices');
    const box = page.getByLabel('Name, MAC or query');
    await box.fill('not held chip:');
    await page.locator('datalist option[value="not held chip:esp32"]').waitFor({ state: 'attached' });
    await box.fill('version<1.1 not label porch');
    await page.getByText(`${MACS.length - 1} boards`, { exact: true }).waitFor();
    expect(new URL(page.url()).searchParams.get('q')).toBe('version<1.1 not label porch');
    await box.fill('chop = esp32');
    await page.getByText(/At character 1: .*did you mean chip/).waitFor();
    await box.fill(MACS[0]?.slice(0, 16) ?? '');
    await page.getByText('4 boards', { exact: true }).waitFor();
    await context.close();
  });

  test.runIf(AT_NIGHT)(
    'filters by choice, keeps a query by a name, and shows the columns that are chosen',
    async () => {
      await bringBoards();
      await checkIn('24:6f:28:00:02:01', '1.0.0', { chip: 'esp32c3' });
      const { page, context, faults } = await openPage(browser, server);
      const asked: string[] = [];
      page.on('request', (request) => asked.push(new URL(request.url()).pathname));
      await enter(server, page);
      await page.goto('/devices');
      await page.getByText('5 boards', { exact: true }).waitFor();
      // Nothing is counted before somebody wants to choose.
      expect(asked.filter((path) => path.endsWith('/device-numbers'))).toEqual([]);
      const query = () => new URL(page.url()).searchParams.get('q');
      await page.getByRole('button', { name: 'Filters' }).click();
      await page.getByRole('checkbox', { name: 'esp32c3' }).click();
      await page.getByText('1 board', { exact: true }).waitFor();
      expect(query()).toBe('chip:esp32c3');
      // What else there would be stays to be chosen, with its number; a choice of one is none.
      await page.getByRole('group', { name: 'Chip' }).getByText('4', { exact: true }).waitFor();
      expect(await page.getByRole('group', { name: 'Product' }).count()).toBe(0);
      await page.getByRole('checkbox', { name: 'esp32', exact: true }).click();
      await page.getByText('5 boards', { exact: true }).waitFor();
      expect(query()).toBe('(chip:esp32c3 or chip:esp32)');
      await page.getByRole('button', { name: 'Filters (2)' }).waitFor();
      await page.getByRole('checkbox', { name: 'esp32c3' }).click();
      await expect.poll(query).toBe('chip:esp32');

      await page.getByRole('button', { name: 'Saved' }).click();
      await page.getByLabel('Keep the query in the box as').fill('classic');
      await page.getByRole('button', { name: 'Keep it' }).click();
      await page.getByText('@classic means 4 boards now').waitFor();
      await page.getByLabel('Name, MAC or query').fill('');
      await page.getByText('5 boards', { exact: true }).waitFor();
      await page.getByRole('button', { name: '@classic' }).click();
      await page.getByText('4 boards', { exact: true }).first().waitFor();
      expect(query()).toBe('@classic');
      await page.getByRole('button', { name: 'Forget query classic' }).click();
      await page.getByRole('button', { name: 'Forget it' }).click();
      await page.getByText('Query classic is forgotten').waitFor();
      expect((await server.admin('getQueries')).items).toEqual([]);

      // By keyboard alone, and kept by the browser.
      await page.goto('/devices');
      await page.getByText('5 boards', { exact: true }).waitFor();
      await pressOn(page, 'Columns');
      await tabTo(page, 'Boot reason');
      await page.keyboard.press('Space');
      await page.getByRole('columnheader', { name: 'Boot reason' }).waitFor();
      await page.reload();
      await page.getByRole('columnheader', { name: 'Boot reason' }).waitFor();
      await page.getByRole('button', { name: 'Columns' }).click();
      await page.getByRole('button', { name: 'Back to the usual ones' }).click();
      await expect.poll(async () => page.getByRole('columnheader', { name: 'Boot reason' }).count()).toBe(0);

      // An address of before, with filters of their own.
      await page.goto(`/devices?status=ok&product=${PRODUCT}&version=1.0.0&mac=24:6f:28:00:02`);
      await page.getByText('1 board', { exact: true }).waitFor();
      expect(faults).toEqual([]);
      await context.close();
    },
  );

  test.runIf(AT_NIGHT)(
    'changes many boards: numbers first, a stop in the middle, and the same once more goes on',
    async () => {
      const bench = Array.from({ length: 110 }, (_, index) => `24:6f:28:00:03:${index.toString(16).padStart(2, '0')}`);
      for (const mac of bench) await checkIn(mac, '1.0.0', { product: 'bench' });
      const held = async () => {
        const { numbers } = await server.admin('getDeviceNumbers', { query: { by: 'mark', where: 'product = bench' } });
        return numbers[0]?.values.find(({ value }) => value === 'held')?.devices ?? 0;
      };
      const { page, context, faults } = await openPage(browser, server);
      await enter(server, page);
      await page.goto('/devices?q=product:bench');
      await page.getByText('100 loaded, more as you scroll').waitFor();
      await page.getByLabel('Select all loaded boards').click();
      await page.getByRole('button', { name: 'Select all 110 that match' }).click();
      await page.getByText('All 110 selected').waitFor();
      await page.getByRole('button', { name: 'Hold', exact: true }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('110 boards would change').waitFor();
      await dialog.getByLabel('Reason').fill('trade fair');
      await dialog.getByRole('button', { name: 'Hold 110 boards' }).click();
      await page.getByText('110 boards are held').waitFor();
      expect(await held()).toBe(110);

      // Those that are ticked go some at a time: the second batch waits until somebody has stopped it.
      await page.getByRole('button', { name: 'Clear', exact: true }).click();
      await page.getByLabel('Select all loaded boards').click();
      const choose = async (command: string): Promise<void> => {
        await page.getByRole('button', { name: 'More for these boards' }).click();
        await page.getByRole('menuitem', { name: command }).click();
      };
      await choose('Release');
      await dialog.getByText('100 boards would change').waitFor();
      const stopped = Promise.withResolvers<void>();
      let batches = 0;
      await page.route('**/api/v1/admin/bulk', async (route) => {
        batches += 1;
        if (batches === 2) await stopped.promise;
        await route.continue();
      });
      await dialog.getByRole('button', { name: 'Release 100 boards' }).click();
      await dialog.getByText(/^35 of 100 boards so far/).waitFor();
      await dialog.getByRole('button', { name: 'Stop' }).click();
      stopped.resolve();
      await dialog.getByText(/Stopped: 70 of 100 boards are done/).waitFor();
      expect(await held()).toBe(40);
      await dialog.getByRole('button', { name: 'Release 30 boards' }).click();
      await page.getByText('30 boards are not held any more').waitFor();
      expect(await held()).toBe(10);

      await page.getByRole('button', { name: 'Clear', exact: true }).click();
      await page.getByLabel(`Select ${bench[0]}`).click();
      await choose('Take a label off');
      await dialog.getByLabel('Label').fill('nowhere');
      await dialog.getByText(/There is no label nowhere/).waitFor();
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      const [download] = await Promise.all([page.waitForEvent('download'), choose('Export all facts as CSV')]);
      const csv = await readFile(await download.path(), 'utf8');
      expect(csv.trimEnd().split('\r\n')).toEqual([
        expect.stringMatching(/^id,mac,name,/),
        expect.stringContaining(`,${bench[0]},,bench,1.0.0,ok,esp32,`),
      ]);
      await choose('Remove');
      await dialog.getByRole('button', { name: 'Remove 1 board' }).click();
      await page.getByText('1 board is forgotten').waitFor();
      expect(await server.tryAdmin('getDevice', { params: { device: bench[0] ?? '' } })).toMatchObject({ status: 404 });

      // One that broke: its name and labels go over to another board, and it is gone.
      await server.admin('nameDevice', { params: { device: bench[1] ?? '' }, body: { name: 'Vice' } });
      await page.goto('/devices/Vice');
      await page.getByRole('button', { name: 'More commands' }).click();
      await page.getByRole('menuitem', { name: 'Replace it by another board' }).click();
      await dialog.getByLabel('The board that takes its place').fill(bench[2] ?? '');
      await dialog.getByRole('button', { name: 'Show what goes over' }).click();
      await dialog.getByRole('button', { name: 'Replace it' }).click();
      await page.getByText('Vice takes its place').waitFor();
      await page.getByRole('heading', { level: 1, name: 'Vice' }).waitFor();
      await page
        .getByRole('main')
        .getByText(bench[2] ?? '')
        .first()
        .waitFor();
      expect(await server.tryAdmin('getDevice', { params: { device: bench[1] ?? '' } })).toMatchObject({ status: 404 });
      expect(faults).toEqual([]);
      await context.close();
    },
  );

  test.runIf(AT_NIGHT)(
    'takes a table of names and labels, which says first what it would change and what is wrong',
    async () => {
      await bringBoards();
      const { page, context, faults } = await openPage(browser, server);
      await enter(server, page);
      await page.goto('/devices');
      await page.getByRole('button', { name: 'Import CSV' }).click();
      const choose = async (csv: string): Promise<void> =>
        page
          .locator('input[type=file]')
          .setInputFiles({ name: 'boards.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) });
      await choose(`mac,name,labels\n${MACS[0]},Gate,fence\n24:6f:28:99:99:99,Nobody,\n`);
      const dialog = page.getByRole('dialog');
      await dialog.getByText('1 line is wrong, so nothing is imported.').waitFor();
      await dialog.getByText('Line 3:').waitFor();
      expect(await dialog.getByRole('button', { name: /^(Import|Change)/ }).isDisabled()).toBe(true);
      await dialog.getByLabel('Leave out boards that have not checked in').click();
      await dialog.getByText(/Left out, because they have not checked in: 1 board/).waitFor();
      await dialog.getByText('Line 2:').waitFor();
      await dialog.getByRole('button', { name: 'Change 1 board' }).click();
      await page.getByText('1 board changed').waitFor();
      const { device } = await server.admin('getDevice', { params: { device: MACS[0] ?? '' } });
      expect(device).toMatchObject({ name: 'Gate', labels: ['fence'] });
      await page.getByRole('link', { name: 'Gate' }).waitFor();
      await server.admin('nameDevice', { params: { device: MACS[0] ?? '' }, body: { name: '' } });
      expect(faults).toEqual([]);
      await context.close();
    },
  );

  test.runIf(AT_NIGHT)('adds a schedule, is told when it would run, changes it and removes it', async () => {
    const { page, context, faults } = await openPage(browser, server);
    await enter(server, page);
    await visit(page, '/schedules');
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
    await bringBoards();
    const { page, context, faults } = await openPage(browser, server);
    await enter(server, page);
    await visit(page, '/settings');
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

  test('a session that ended leads to the log-in page, and back to where one was', async () => {
    const { page, context } = await openPage(browser, server);
    await enter(server, page);
    await page.goto('/schedules');
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
    await enter(server, page);
    await page.goto('/schedules');
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
