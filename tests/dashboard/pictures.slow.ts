// The pictures of README and docs: the fleet page and a halted rollout at night, light and dark.

import { join } from 'node:path';
import { test } from 'vitest';
import { startTestServer } from '../support/server/server.ts';
import { enter, openBrowser, openPage, settle } from './support/browser.ts';
import { tellNight } from './support/night.ts';

const FOLDER = join(import.meta.dirname, '../../docs/pictures');
const FLEET_BOARDS = 120;

test('pictures are made', async () => {
  const server = await startTestServer();
  const { shown } = await tellNight(server, FLEET_BOARDS);
  const { items } = await server.admin('listRollouts', { query: { status: 'halted' } });
  const screens = [
    ['fleet', '/', 1_330],
    ['halted', `/rollouts/${items[0]?.name}`, 1_100],
    ['device', `/devices/${shown.mac}`, 1_420],
  ] as const;
  const browser = await openBrowser(server);
  for (const colors of ['light', 'dark'] as const)
    for (const [name, address, height] of screens) {
      const { page, context } = await openPage(browser, server, { colors, height });
      await enter(server, page, address);
      await settle(page);
      await page.getByText('Live', { exact: true }).waitFor();
      await page.screenshot({ path: join(FOLDER, `${name}-${colors}.png`) });
      await context.close();
    }
  await browser.close();
  await server.end();
});
