// A board and its tokens on the wire: real TLS, the program of the library with its flash and NVS, against a server that says
// whatever the test wants. What a real server makes of it is in enrolment-for-real.test.ts.

import { describe, expect, onTestFinished, test } from 'vitest';
import type { Offer } from '#protocol/device/api.ts';
import {
  FLEET_TOKEN,
  NOTHING_NEW,
  type Script,
  type ScriptedServer,
  sha256Of,
  startScriptedServer,
} from '../simulator/scripted-server.ts';
import { buildDeviceImage } from './support/device-image.ts';
import { OtterDevice } from './support/otter-device.ts';

const PRODUCT = 'greenhouse';
const MAC = '24:6f:28:00:0a:01';
const OLD = buildDeviceImage({ product: PRODUCT, version: '1.0.0' });
const NEW = buildDeviceImage({ product: PRODUCT, version: '1.1.0' });
const OFTEN = { ...NOTHING_NEW, poll_interval_s: 30 };
const CHECK = '/api/v1/check-update';

const OFFER: Offer = {
  update_available: true,
  reason: 'update',
  poll_interval_s: 30,
  assignment_id: 7,
  rollback: false,
  labels: [],
  url: '/firmware/greenhouse/1.1.0/esp32/image.bin?assignment=7',
  manifest: {
    format: 'otter-manifest/1',
    product: PRODUCT,
    version: '1.1.0',
    chip: 'esp32',
    size_bytes: NEW.length,
    sha256: sha256Of(NEW),
    security_version: 0,
    created_at: '2026-11-23T10:00:00Z',
    release_notes: '',
  },
};

async function serve(script: Partial<Script> = {}): Promise<ScriptedServer> {
  const server = await startScriptedServer({ image: NEW, checkIn: () => OFTEN, enrol: () => 'accepted', ...script });
  onTestFinished(server.close);
  return server;
}

async function board({ url, pin }: ScriptedServer, mac = MAC): Promise<OtterDevice> {
  const device = await OtterDevice.start({
    server: url,
    pin,
    token: FLEET_TOKEN,
    mac,
    image: OLD,
    speed: 3,
    args: ['--interval', '30', '--rest-speed', '60'],
  });
  onTestFinished(() => device.scrap());
  return device;
}

/** Which tokens went out to one address, in order, each once while it stayed the same. */
function tokensOf({ requests }: ScriptedServer, path = ''): readonly string[] {
  const tokens = requests.filter((request) => path === '' || request.path === path).map(({ token }) => token);
  return tokens.filter((token, index) => token !== tokens[index - 1]);
}

describe('a board', () => {
  test('enrols by itself after its first check, and updates with its own token', async () => {
    let isOffering = false;
    const server = await serve({
      checkIn: ({ current_version }) => (isOffering && current_version === '1.0.0' ? OFFER : OFTEN),
    });
    const device = await board(server);
    await device.waitFor('enrolled');
    isOffering = true;
    await device.waitFor('confirmed');
    await device.waitFor('checked', { after: device.moment });
    const [enrolment] = server.enrolments;
    expect(server.enrolments).toEqual([{ mac: MAC, token: expect.stringMatching(/^otd_[\w-]{43}$/) }]);
    expect(server.requests.slice(0, 2).map(({ path }) => path)).toEqual([CHECK, '/api/v1/enrol']);
    expect(tokensOf(server)).toEqual([FLEET_TOKEN, enrolment?.token]);
    expect(server.downloads).toHaveLength(1);
    expect(server.reports.at(-1)).toMatchObject({ status: 'confirmed' });
    expect(device.log.join('\n')).toContain('otter: enrolled: this board has a token of its own now');
    expect(device.log.join('\n')).not.toContain('otd_');
  });

  test('keeps its token when the power goes, and makes another than its neighbour', async () => {
    const server = await serve();
    const device = await board(server);
    await device.waitFor('enrolled');
    await device.switchOff();
    device.switchOn();
    await device.waitFor('checked', { after: device.moment });
    const neighbour = await board(server, '24:6f:28:00:0a:02');
    await neighbour.waitFor('enrolled');
    expect(new Set(server.enrolments.map(({ token }) => token)).size).toBe(2);
    expect(server.enrolments).toHaveLength(2);
  });

  test('waits for a person with the fleet token, and says which command it takes', async () => {
    const server = await serve({ enrol: () => 'pending' });
    const device = await board(server);
    await device.waitFor('enrolment_pending');
    await device.waitFor('checked', { after: device.moment });
    expect(tokensOf(server)).toEqual([FLEET_TOKEN]);
    expect(server.enrolments).toHaveLength(1);
    expect(device.log.join('\n')).toContain(`enrolment waits for a person: npx otter device accept ${MAC}`);
  });

  test('goes on as before with a server that knows no device tokens', async () => {
    const server = await startScriptedServer({ image: NEW, checkIn: () => OFTEN });
    onTestFinished(server.close);
    const device = await board(server);
    for (let checks = 0; checks < 3; checks += 1) await device.waitFor('checked', { after: device.moment });
    expect(tokensOf(server)).toEqual([FLEET_TOKEN]);
    expect(server.enrolments).toHaveLength(1);
    expect(device.names()).not.toContain('enrolment_failed');
  });

  test.each([
    { status: 401, code: 'token_invalid', says: 'token_invalid' },
    { status: 401, code: 'token_revoked', says: 'token_revoked' },
    { status: 403, code: 'other_board', says: 'other_board' },
    { status: 401, code: '\u001b[2J', says: 'token_invalid' },
  ])('whose token is refused with $status $code is heard in the same check', async ({ status, code, says }) => {
    const server = await serve({
      refuse: ({ path, token }) => (path === CHECK && token !== FLEET_TOKEN ? { status, code } : undefined),
    });
    const device = await board(server);
    await device.waitFor('enrolled');
    await device.waitFor('token_refused');
    const refusedAt = server.requests.findIndex(({ path, token }) => path === CHECK && token !== FLEET_TOKEN);
    await device.waitFor('checked', { after: device.moment });
    expect(server.requests[refusedAt + 1]).toEqual({ path: CHECK, token: FLEET_TOKEN });
    expect(device.names()).not.toContain('failed');
    expect(device.log.join('\n')).toContain(`the server does not take the token of this board any more (${says})`);
    expect(device.log.join('\n')).not.toContain('\u001b');
  });
});
