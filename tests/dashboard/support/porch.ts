// A server with the few boards of a porch, and a browser in front of it.

import type { Browser } from 'playwright-core';
import type { Dialect } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';
import { openBrowser } from './browser.ts';

export const MACS = ['01', '02', '03', '04'].map((end) => `24:6f:28:00:01:${end}`);
export const PRODUCT = 'porch-light';

interface Porch {
  readonly server: TestServer;
  readonly browser: Browser;
}

export async function openPorch(dialect: Dialect): Promise<Porch> {
  const server = await startTestServer({ dialect });
  server.clock.nowMs = Date.now();
  return { server, browser: await openBrowser(server) };
}

export async function closePorch({ server, browser }: Porch): Promise<void> {
  await browser.close();
  await server.end();
}

export async function checkIn(server: TestServer, mac: string, version: string, more: Record<string, unknown> = {}) {
  return server.checkIn(mac, version, { product: PRODUCT, chip: 'esp32', boot: { state: 'confirmed' }, ...more });
}

export async function bringBoards(server: TestServer): Promise<void> {
  server.clock.nowMs = Date.now();
  for (const mac of MACS) await checkIn(server, mac, '1.0.0');
}
