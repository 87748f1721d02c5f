// Crowds of clients that hardly move, beside boards that behave: these are all served, and the memory of the server stays bounded. How long
// they wait is measured by `npm run bench -- slow`.

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Slow, SLOWNESS, type Slowness } from '../support/attack/slow-crowd.ts';
import { buildEspImage } from '../support/esp-image-builder.ts';
import { addDevices, release } from '../support/fleet.ts';
import { sizeOf } from '../support/scope.ts';
import { newHome, type ServerProcess, startServerProcess } from '../support/server/process.ts';

const { EACH, CHECKS } = sizeOf({ push: { EACH: 60, CHECKS: 3 }, whole: { EACH: 1_000, CHECKS: 20 } });
const GOOD = 50;
/** For a thousand of one kind. */
const MOST_MIB = 100;
const MIB = 1_048_576;

const image = buildEspImage({ segments: [{ loadAddress: 0x42000020, data: Buffer.alloc(1024 * 1024, 0x5a) }] });

describe.skipIf(process.platform !== 'linux')('a server with slow clients', () => {
  test(`${EACH} of each kind, then all of them, beside ${GOOD} boards: every board is served, and memory stays bounded`, async () => {
    const server = await startServerProcess(await newHome());
    await server.admin('uploadFirmware', { query: { version: '1.0.0', pilot_ready: 'true' }, body: image });
    await release(server, '1.0.0');
    const boards = await addDevices(server, GOOD, '1.0.0');
    await serve(server, boards);
    for (const kinds of [...SLOWNESS.map((kind) => [kind]), SLOWNESS]) {
      const before = await server.process.readMemoryBytes();
      const slow = await crowd(server, kinds);
      await serve(server, boards);
      // Whoever sends headers or a body too slowly is cut, and comes again. One that does not read may be any board, and has a minute.
      await vi.waitFor(() => {
        for (const kind of kinds) if (kind !== 'reader') expect(slow.cut[kind]).toBeGreaterThanOrEqual(EACH / 2);
      });
      await serve(server, boards);
      const more = (await server.process.readMemoryBytes()) - before;
      expect(more, kinds.join(', ')).toBeLessThan(kinds.length * MOST_MIB * MIB);
      slow.end();
    }
    expect((await server.json('GET', '/readyz')).status).toBe(200);
  });
});

async function serve(server: ServerProcess, boards: readonly string[]): Promise<void> {
  for (let round = 0; round < CHECKS; round += 1)
    await Promise.all(
      boards.map(async (mac) => expect((await server.checkIn(mac, '1.0.0')).reason).toBe('nothing_to_offer')),
    );
}

async function crowd(server: ServerProcess, kinds: readonly Slowness[]): Promise<Slow> {
  const imagePath = '/firmware/default/1.0.0/esp32s3/image.bin';
  const slow = new Slow({ port: Number(server.url.port), fleetToken: server.fleetToken, imagePath, each: EACH, kinds });
  onTestFinished(() => slow.end());
  await slow.begin();
  return slow;
}
