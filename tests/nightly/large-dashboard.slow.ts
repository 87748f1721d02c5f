// The list of boards in a browser, with 100 000 of them: it fetches what is looked at, and at most two pages more. How long the first
// rows took is printed, not judged: the machine may have other things to do.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { benchMac, makeHome } from '../../bench/fleet.ts';
import { enter, HAS_BROWSER, openBrowser, openPage, settle, WITHOUT_BROWSER } from '../dashboard/support/browser.ts';
import { startTestServer } from '../support/server/server.ts';

const BOARDS = 100_000;
const PAGE = 100;
const ROW_PX = 46;

describe.runIf(HAS_BROWSER)('the list of 100 000 boards', () => {
  test('fetches what is looked at, and at most two pages more', async () => {
    const home = await mkdtemp(join(tmpdir(), 'otter-large-'));
    await makeHome(home, BOARDS, { openRollout: false });
    const clock = {
      nowMs: Date.now(),
      advance(seconds: number) {
        this.nowMs += seconds * 1000;
      },
    };
    const server = await startTestServer({ like: { home, databaseUrl: 'sqlite:data/otter.db', clock } });
    const browser = await openBrowser(server);
    const { page, faults } = await openPage(browser, server);
    await enter(server, page);
    await settle(page);
    // Pages of the list, by their cursor: what is asked again every few seconds is no other page.
    const pages = new Set<string>();
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.pathname.endsWith('/devices')) pages.add(url.searchParams.get('cursor') ?? 'first');
    });
    const beganMs = performance.now();
    await page.getByRole('link', { name: 'Devices', exact: true }).click();
    const row = (index: number) => page.getByRole('link', { name: benchMac(index) });
    await row(1).waitFor();
    console.log(`first rows of ${BOARDS} boards after ${Math.round(performance.now() - beganMs)} ms`);
    await page.getByText('100 000 in all').or(page.getByText('100,000 in all')).first().waitFor();
    expect(pages.size).toBeLessThanOrEqual(3);
    const list = page.getByRole('region', { name: 'Boards' });
    for (const seen of [150, 450, 900]) {
      // As somebody who drags: page after page comes as it is needed.
      await expect
        .poll(async () => {
          await list.evaluate((box, top) => box.scrollTo({ top }), seen * ROW_PX);
          return row(seen + 5).count();
        })
        .toBe(1);
      expect(pages.size).toBeLessThanOrEqual(Math.ceil((seen + 20) / PAGE) + 2);
    }
    // The whole table is never in the page.
    expect(await page.getByRole('row').count()).toBeLessThan(80);
    expect(faults).toEqual([]);
    await browser.close();
    await server.end();
  });
});

test.skipIf(HAS_BROWSER)(`the list of 100 000 boards${WITHOUT_BROWSER}`, () => undefined);
