// The first flash from the browser, onto a board that is a fake down to the protocol of its loader: what reaches its flash, what never
// does, and how it goes on after a cable was pulled.

import { hash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildEspImage, flashFile, partitionTable } from '../support/esp-image-builder.ts';
import { sizeOf } from '../support/scope.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';
import { enter, HAS_BROWSER, openBrowser, openPage } from './support/browser.ts';
import { type FakeBoardSeen, type FakeBoardSpec, installFakeBoard } from './support/fake-board.ts';

const MAC = '34:85:18:0a:0b:0c';
/** At night: what goes wrong more rarely, and the other kind of cable. */
const IS_WHOLE = sizeOf({ push: false, whole: true });
/** Too large for the repository. */
const REAL = fileURLToPath(new URL('../../../shared/firmware/nina-1.4.8-merged-factory-image.bin', import.meta.url));
const BRIDGED = { chip: 'esp32', mac: '24:6f:28:0a:0b:0c', isNative: false } as const satisfies FakeBoardSpec;
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
    browser = await openBrowser(server);
  });
  afterAll(async () => {
    await browser.close();
    await server.end();
  });

  async function openAddBoard(board: FakeBoardSpec) {
    const opened = await openPage(browser, server);
    await opened.page.exposeFunction('otterMd5', (base64: string) => hash('md5', Buffer.from(base64, 'base64')));
    await opened.page.addInitScript(installFakeBoard, board);
    await enter(server, opened.page, '/add-board');
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

  test.runIf(IS_WHOLE)(
    'three files go over a bridge to a board that runs Otter, which keeps its settings',
    async () => {
      await server.checkIn(BRIDGED.mac, '1.0.0', { product: 'greenhouse', chip: 'esp32' });
      const { page, context, faults } = await openAddBoard({ ...BRIDGED, settings: 0x42 });
      const loader = buildEspImage({ chipId: 0, descriptor: 'none' });
      const app = appOf(0);
      await choose(page, ['sketch.ino.bin', app]);
      await page.getByText('sketch.ino.bin is an application alone').waitFor();
      await choose(
        page,
        ['sketch.ino.bin', app],
        ['sketch.ino.bootloader.bin', loader],
        ['sketch.ino.partitions.bin', TABLE],
      );
      await press(page, 'Connect the board');
      await page.getByText('runs greenhouse 1.0.0').waitFor();
      expect(await page.getByLabel('Erase everything on the board first').isChecked()).toBe(false);
      await press(page, 'Flash it');
      await page.getByText('The board is flashed').waitFor();
      for (const [at, bytes] of [
        [0x1000, loader],
        [0x8000, TABLE],
        [APP_AT, app],
      ] as const)
        expect((await flashOf(page, at, at + bytes.length)).equals(bytes)).toBe(true);
      expect((await flashOf(page, 0x9000, 0x9100)).every((byte) => byte === 0x42)).toBe(true);
      const { changes, errors, resets } = await seen(page);
      expect([changes.includes('erase'), errors, resets]).toEqual([false, [], ['loader by RTS', 'app by RTS']]);
      await press(page, 'Give it Wi-Fi');
      await page.getByText('does not answer by Improv').waitFor();
      await page.getByText(`Waiting for ${BRIDGED.mac} to check in.`).waitFor();
      server.clock.advance(60);
      await server.checkIn(BRIDGED.mac, '1.1.0', { product: 'greenhouse', chip: 'esp32' });
      await page.getByText('is back: it runs greenhouse 1.1.0.').waitFor();
      expect(faults).toEqual([]);
      await context.close();
    },
  );

  test.runIf(IS_WHOLE)('stops between two blocks, and says what the board is then', async () => {
    const { page, context, faults } = await openAddBoard({ ...C3, mac: '34:85:18:0a:0b:0d', blockMs: 300 });
    await choose(page, ['porch.merged.bin', mergedOf(5, 0)]);
    await press(page, 'Connect the board');
    await press(page, 'Flash it');
    await press(page, 'Stop');
    await page.getByText('The flashing was stopped.').waitFor();
    await page.getByText('The board has no whole firmware now').waitFor();
    expect((await seen(page)).resets.at(-1)).toBe('app by watchdog');
    expect(faults).toEqual([]);
    await context.close();
  });

  test.runIf(IS_WHOLE)('says to hold BOOT where the board does not answer, and goes on when it does', async () => {
    const { page, context } = await openAddBoard({ ...BRIDGED, mac: '24:6f:28:0a:0b:0e', isSilent: true });
    await choose(page, ['porch.merged.bin', mergedOf(0, 0x1000)]);
    await press(page, 'Connect the board');
    await page.getByText('Hold the button BOOT').waitFor();
    await plugIn(page, { ...BRIDGED, mac: '24:6f:28:0a:0b:0e' });
    await press(page, 'Try again');
    await page.getByText('it has never checked in').waitFor();
    await press(page, 'Cancel');
    await expect.poll(async () => (await seen(page)).resets.at(-1)).toBe('app by RTS');
    expect((await seen(page)).changes).toEqual([]);
    await context.close();
  });

  test.runIf(IS_WHOLE)('a browser without Web Serial says so, and how it goes in a terminal', async () => {
    const { page, context } = await openPage(browser, server);
    await page.addInitScript(`Object.defineProperty(Navigator.prototype, 'serial', { value: undefined })`);
    await enter(server, page, '/add-board');
    await page.getByText('This browser cannot reach USB.').waitFor();
    await page.getByText('esptool --chip auto write-flash 0x0').waitFor();
    expect(await page.locator('input[type=file]').count()).toBe(0);
    await context.close();
  });

  test.runIf(IS_WHOLE && existsSync(REAL))(
    'a real image arrives byte by byte (skipped where ../shared/firmware is not there)',
    async () => {
      const file = readFileSync(REAL);
      const { page, context, faults } = await openAddBoard({ ...BRIDGED, mac: '24:6f:28:0a:0b:0f' });
      await choose(page, ['nina.bin', file]);
      await page.getByText('For the ESP32:').waitFor();
      await press(page, 'Connect the board');
      await press(page, 'Flash it');
      await page.getByText('The board is flashed').waitFor();
      expect((await flashOf(page, 0, file.length)).equals(file)).toBe(true);
      expect((await seen(page)).errors).toEqual([]);
      expect(faults).toEqual([]);
      await context.close();
    },
  );
});
