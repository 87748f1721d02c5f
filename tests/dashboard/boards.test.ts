// What a person does with boards, one and many, in a real browser before a real server.

import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DIALECTS, sizeOf } from '../support/scope.ts';
import type { TestServer } from '../support/server/server.ts';
import { enter, HAS_BROWSER, openPage } from './support/browser.ts';
import { pressOn, tabTo } from './support/keyboard.ts';
import { nightImage } from './support/night.ts';
import { bringBoards, checkIn, closePorch, MACS, openPorch, PRODUCT } from './support/porch.ts';

/** A push has one of each kind of page. */
const AT_NIGHT = sizeOf({ push: false, whole: true });

const HAS_CURL = spawnSync('curl', ['--version']).status === 0;

describe.runIf(HAS_BROWSER).each(DIALECTS)('boards in the dashboard, %s', (dialect) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    ({ server, browser } = await openPorch(dialect));
  });
  afterAll(async () => closePorch({ server, browser }));

  test('finds a board, labels it, and the address says what is shown', async () => {
    await bringBoards(server);
    const { page, context } = await openPage(browser, server);
    await enter(server, page, '/devices');
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
    await bringBoards(server);
    await server.admin('uploadFirmware', {
      query: { product: PRODUCT, version: '1.1.0' },
      body: nightImage(PRODUCT, '1.1.0', 'esp32'),
    });
    const { page, context, faults } = await openPage(browser, server);
    await enter(server, page, `/devices/${MACS[2]}`);
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
    await bringBoards(server);
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

  test.skipIf(!HAS_CURL)(
    'tells a browser from a board that refuses the certificate (skipped where there is no curl)',
    async () => {
      const { page, context, faults } = await openPage(browser, server);
      // As a browser that was not told to trust the certificate does with each connection.
      await expect(promisify(execFile)('curl', [server.url.href])).rejects.toThrow('curl');
      await enter(server, page, '/server');
      await page.getByText('the address of your browser').waitFor();
      expect(faults).toEqual([]);
      await context.close();
    },
  );

  test('asks the list in words, and is told where they cannot be read', async () => {
    const { page, context } = await openPage(browser, server);
    await enter(server, page, '/devices');
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
      await bringBoards(server);
      await checkIn(server, '24:6f:28:00:02:01', '1.0.0', { chip: 'esp32c3' });
      const { page, context, faults } = await openPage(browser, server);
      const asked: string[] = [];
      page.on('request', (request) => asked.push(new URL(request.url()).pathname));
      await enter(server, page, '/devices');
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
      for (const mac of bench) await checkIn(server, mac, '1.0.0', { product: 'bench' });
      const held = async () => {
        const { numbers } = await server.admin('getDeviceNumbers', { query: { by: 'mark', where: 'product = bench' } });
        return numbers[0]?.values.find(({ value }) => value === 'held')?.devices ?? 0;
      };
      const { page, context, faults } = await openPage(browser, server);
      await enter(server, page, '/devices?q=product:bench');
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
      await bringBoards(server);
      const { page, context, faults } = await openPage(browser, server);
      await enter(server, page, '/devices');
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
});
