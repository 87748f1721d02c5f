// The first flash from the browser, onto a board that is a fake down to the protocol of its loader: what reaches its flash, what never
// does, and how it goes on after a cable was pulled.

import { hash, randomBytes } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildEspImage, flashFile, partitionTable } from '../support/esp-image-builder.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';
import { enter, HAS_BROWSER, openBrowser, openPage } from './support/browser.ts';
import { type FakeBoardSeen, type FakeBoardSpec, installFakeBoard } from './support/fake-board.ts';

const MAC = '34:85:18:0a:0b:0c';
const C3 = { chip: 'esp32c3', mac: MAC, isNative: true } as const satisfies FakeBoardSpec;
const APP_AT = 0x1_0000;
const TABLE = partitionTable([
  { label: 'nvs', type: 1, subtype: 2, offset: 0x9000, sizeBytes: 0x5000 },
  { label: 'otadata', type: 1, subtype: 0, offset: 0xe000, sizeBytes: 0x2000 },
  { label: 'app0', type: 0, subtype: 0x10, offset: APP_AT, sizeBytes: 0x14_0000 },
]);

/** What a compiler makes does not shrink to nothing: several blocks go over the cable. */
function appOf(chipId: number): Buffer {
  return buildEspImage({ chipId, code: randomBytes(200_000) });
}

function mergedOf(chipId: number, loaderAt: number): Buffer {
  const app = appOf(chipId);
  const loader = buildEspImage({ chipId, descriptor: 'none' });
  return flashFile(APP_AT + app.length, [
    [loaderAt, loader],
    [0x8000, TABLE],
    [APP_AT, app],
  ]);
}

describe.runIf(HAS_BROWSER)('the first flash from the browser', () => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    server = await startTestServer();
    server.clock.nowMs = Date.now();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await server.end();
  });

  async function openAddBoard(board: FakeBoardSpec) {
    const opened = await openPage(browser, server);
    await opened.page.exposeFunction('otterMd5', (base64: string) => hash('md5', Buffer.from(base64, 'base64')));
    await opened.page.addInitScript(installFakeBoard, board);
    await enter(server, opened.page);
    await opened.page.goto('/add-board');
    return opened;
  }

  const choose = async (page: Page, ...files: readonly (readonly [name: string, buffer: Buffer])[]): Promise<void> =>
    page
      .locator('input[type=file]')
      .setInputFiles(files.map(([name, buffer]) => ({ name, mimeType: 'application/octet-stream', buffer })));
  const press = async (page: Page, name: string): Promise<void> =>
    page.getByRole('button', { name, exact: true }).click();
  const plugIn = async (page: Page, board: FakeBoardSpec): Promise<void> =>
    page.evaluate(`otterBoard.plugIn(${JSON.stringify(board)})`);
  const seen = async (page: Page) => page.evaluate<FakeBoardSeen>('otterBoard.seen()');
  const flashOf = async (page: Page, from: number, to: number): Promise<Buffer> =>
    Buffer.from(await page.evaluate<string>(`otterBoard.flash(${from}, ${to})`), 'base64');

  test('goes from a wrong board over a pulled cable to a board in the Wi-Fi that checks in', async () => {
    const file = mergedOf(5, 0);
    const { page, context, faults } = await openAddBoard({ chip: 'esp32', mac: MAC, isNative: false });
    await choose(page, ['porch.merged.bin', file]);
    await page.getByText('For the ESP32-C3:').waitFor();
    await press(page, 'Connect the board');
    await page.getByText('This board is an ESP32, and the file is for the ESP32-C3.').waitFor();
    expect(await seen(page)).toMatchObject({ changes: [], errors: [], resets: ['loader by RTS', 'app by RTS'] });

    await plugIn(page, { ...C3, pulledAt: 0.35 });
    await press(page, 'Try again');
    await page.getByText('it has never checked in').waitFor();
    await page.getByText(MAC).waitFor();
    expect((await seen(page)).changes, 'nothing is erased before somebody says so').toEqual([]);
    await press(page, 'Flash it');
    await page.getByRole('alert').getByText('The board went away.').waitFor();
    await page.getByText(/It was at 4\d %.*Plug the board in again/).waitFor();

    await plugIn(page, { ...C3, wifiPassword: 'sesame', settings: 0x42 });
    await press(page, 'Try again');
    expect(await page.getByLabel('Erase everything on the board first').isChecked()).toBe(true);
    await press(page, 'Flash it');
    await page.getByText('The board is flashed').waitFor();
    expect((await flashOf(page, 0, file.length)).equals(file)).toBe(true);
    expect(await seen(page)).toMatchObject({ errors: [], resets: ['loader by USB', 'app by watchdog'] });

    await press(page, 'Give it Wi-Fi');
    await page.getByText('greenhouse 1.0.0 asks for Wi-Fi').waitFor();
    await page.getByLabel('Wi-Fi for the board').fill('home');
    await page.getByLabel('Password of that Wi-Fi').fill('wrong');
    await press(page, 'Send it');
    await page.getByText('could not get into that Wi-Fi').waitFor();
    await page.getByLabel('Password of that Wi-Fi').fill('sesame');
    await press(page, 'Send it');
    await page.getByText('The board is in the Wi-Fi home.').waitFor();
    expect((await seen(page)).wifi).toEqual(['home wrong', 'home sesame']);
    server.clock.nowMs = Date.now();
    await server.checkIn(MAC, '1.0.0', { product: 'greenhouse', chip: 'esp32c3' });
    await page.getByText('Welcome,').waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });
});
