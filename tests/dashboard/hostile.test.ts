// What boards and people write is text wherever it is shown: no script of theirs runs, no element of theirs stands in a page, no other
// host is asked, and the policy of the page has nothing to refuse. Every payload stands in every field that takes free text.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sizeOf } from '../support/scope.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';
import { enter, HAS_BROWSER, openBrowser, openPage, visit } from './support/browser.ts';
import { tellNight } from './support/night.ts';
import { PAYLOADS } from './support/payloads.ts';

const SENT = sizeOf({ push: PAYLOADS.filter((_, index) => index % 30 === 0), whole: PAYLOADS });
const PRODUCT = 'thermostat';
/** What the boards of the night do not have. */
const macOf = (index: number): string => `24:6f:28:66:00:${index.toString(16).padStart(2, '0')}`;

describe.runIf(HAS_BROWSER)('hostile texts', () => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    server = await startTestServer();
    await tellNight(server, 10);
    browser = await openBrowser(server);
  });
  afterAll(async () => {
    await browser.close();
    await server.end();
  });

  test('there are fifty of them, and each is another one', () => {
    expect(new Set(PAYLOADS).size).toBe(50);
  });

  test(`are text on every screen, ${SENT.length} of them`, async () => {
    const running = (await server.admin('listRollouts', { query: { status: 'running' } })).items[0]?.name ?? '';
    for (const [index, text] of SENT.entries()) await write(index, text, running);
    const { page, context, faults } = await openPage(browser, server);
    await enter(server, page);
    const all = ['/', '/devices?q=label:hostile', '/rollouts', '/schedules', '/settings', '/server', '/add-board'];
    for (const screen of [...all, '/activity', '/activity?show=audit', `/rollouts/${running}`])
      await look(page, screen);
    for (const [index, text] of SENT.entries()) {
      // Each stands alone in what there is only one of, and is typed where something can be typed.
      await server.admin('noteRollout', { params: { name: running }, body: { note: text } });
      await server.admin('noteFirmware', {
        params: { version: '1.4.0' },
        query: { product: PRODUCT },
        body: { note: text },
      });
      await server.admin('freezeProduct', { params: { name: 'weather' }, body: { reason: text } });
      await look(page, `/rollouts/${running}`);
      await look(page, `/firmware?product=${PRODUCT}&version=1.4.0`);
      // Loaded anew, as a link from elsewhere is.
      await page.goto(`/?x=${encodeURIComponent(text)}`);
      await look(page, `/devices?q=${encodeURIComponent(text)}&label=${encodeURIComponent(text)}`);
      await look(page, `/devices/${encodeURIComponent(macOf(index))}`);
      await page.getByRole('main').getByText(text).filter({ visible: true }).first().waitFor();
      await look(page, `/devices/${encodeURIComponent(text)}`);
      await look(page, `/rollouts/${encodeURIComponent(text)}`);
      await page.keyboard.press('Control+k');
      await page.getByRole('textbox', { name: 'Find' }).fill(text);
      await page.keyboard.press('Escape');
    }
    expect(faults).toEqual([]);
    await context.close();
  });

  /** In what a board says of itself, and in all that an operator writes about it. */
  async function write(index: number, text: string, rollout: string): Promise<void> {
    const params = { device: macOf(index) };
    await server.device('check-update', {
      mac: macOf(index),
      current_version: '1.0.0',
      product: PRODUCT,
      library: text.slice(0, 64),
      boot: { state: 'confirmed', reason: text.slice(0, 64) },
    });
    await server.admin('createLabel', { body: { name: `hostile-${index}`, description: text } });
    await server.admin('setCounted', { params, body: { counted: 'no', reason: text } });
    await server.admin('noteDevice', { params, body: { note: text } });
    await server.admin('holdDevice', { params, body: { reason: text } });
    await server.admin('setBudget', { params: { key: `site${index}` }, body: { max_devices: 99, reason: text } });
    await server.admin('pauseRollout', { params: { name: rollout }, body: { reason: text } });
    await server.admin('resumeRollout', { params: { name: rollout }, body: { reason: text } });
  }
});

async function look(page: Page, screen: string): Promise<void> {
  await visit(page, screen);
  const foreign =
    'main img, main script, main iframe, main object, main embed, main form[action], main math, main video, meta[http-equiv=refresh], base';
  expect([screen, await page.locator(foreign).count()]).toEqual([screen, 0]);
}
