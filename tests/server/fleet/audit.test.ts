// Every change that an operator makes leaves exactly one row in the audit, over real HTTPS on both databases.

import { signConfiguration } from '#cli/signing/sign-configuration.ts';
import { formatPin } from '#protocol/pinned-https.ts';
import { randomBytes } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { logIn } from '#protocol/sessions.ts';
import { type AdminRouteName, adminRoutes } from '#protocol/admin/routes.ts';
import { CAME_BACK, ProductLine } from '../../support/product-line.ts';
import type { AdminCall } from '../../support/server/client.ts';
import { BOTH, type Dialect } from '../../support/scope.ts';
import { START_MS, startTestServer, type TestServer } from '../../support/server/server.ts';
import { newKey, signImage } from '../../support/signing.ts';
import { buildEspImage } from '../../support/esp-image-builder.ts';

interface Change {
  readonly route: AdminRouteName;
  readonly call: AdminCall;
  readonly action: string;
  readonly subject: string;
  /** What has to happen before. */
  readonly prepare?: () => Promise<void>;
}

/** A new one for each list of changes would be another key. */
const KEY = newKey();

const PLAN = { stages: [{ name: 'everyone', label: 'general', percentage: 100, promotion: 'manual' }] };

const CHANGES = Object.entries(adminRoutes).flatMap(([name, { method }]) => (method === 'GET' ? [] : [name]));

describe.each(BOTH)('the audit on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let mac: string;
  beforeAll(async () => {
    server = await startTestServer({ like: await withRecipient(dialect) });
    line = new ProductLine(server);
    mac = await line.newDevice('1.0.0');
  });
  afterAll(async () => server.end());

  const rows = async () => (await server.admin('listAudit', { query: { limit: '500' } })).items;

  /** Of the browser that logged in last. */
  let session = '';
  const logInBrowser = async (): Promise<void> => {
    const { body } = await server.json('POST', logIn.path, { body: { token: server.adminToken } });
    session = String(body['id']);
  };

  /** With a token that nobody had. */
  const enrol = async (): Promise<void> => {
    const body = { mac, token: `otd_${randomBytes(32).toString('base64url')}` };
    await server.json('POST', '/api/v1/enrol', { token: server.fleetToken, body });
  };

  /** Every changing route once, in an order in which each succeeds. */
  function changes(): readonly Change[] {
    const { product } = line;
    const broken = '24:6f:ff:00:00:01';
    const firmware = `${product} 1.1.0`;
    const version = { params: { version: '1.1.0' }, query: { product } };
    const rollout = { params: { name: 'spring' }, body: { reason: 'as planned' } };
    const schedule = { params: { name: 'go-on' } };
    const image = imageOf(product);
    const key = KEY;
    const signed = signImage(imageOf('signed'), { product: 'signed', version: '1.0.0', keys: [key], nowMs: START_MS });
    return [
      {
        route: 'trustReleaseKey',
        call: { body: { public_key: key.releaseKey.pem, product: 'signed' } },
        action: 'key.trust',
        subject: key.releaseKey.keyId,
      },
      {
        route: 'signFirmware',
        call: { params: { version: '1.0.0' }, body: signed },
        action: 'firmware.sign',
        subject: 'signed 1.0.0',
        prepare: async () => {
          const query = { product: 'signed', version: '1.0.0', signed: JSON.stringify(signed) };
          await server.admin('uploadFirmware', { query, body: imageOf('signed') });
        },
      },
      {
        route: 'configurePins',
        call: {
          body: signConfiguration({ product: 'signed', sequence: 1, pins: [formatPin(server.pin)], expiresAt: '-' }, [
            key,
          ]),
        },
        action: 'pins.configure',
        subject: 'signed',
      },
      {
        route: 'retireReleaseKey',
        call: { params: { key: key.releaseKey.keyId }, body: { product: 'signed', force: true } },
        action: 'key.retire',
        subject: key.releaseKey.keyId,
      },
      { route: 'setPlan', call: { params: { name: 'mine' }, body: PLAN }, action: 'plan.set', subject: 'mine' },
      { route: 'deletePlan', call: { params: { name: 'mine' } }, action: 'plan.delete', subject: 'mine' },
      { route: 'createLabel', call: { body: { name: 'lab' } }, action: 'label.create', subject: 'lab' },
      { route: 'labelDevice', call: { params: { device: mac, name: 'lab' } }, action: 'device.label', subject: 'lab' },
      {
        route: 'labelDevices',
        call: { params: { name: 'shop' }, body: { macs: [mac] } },
        action: 'device.label',
        subject: 'shop',
      },
      {
        route: 'unlabelDevice',
        call: { params: { device: mac, name: 'lab' } },
        action: 'device.unlabel',
        subject: 'lab',
      },
      { route: 'deleteLabel', call: { params: { name: 'lab' } }, action: 'label.delete', subject: 'lab' },
      {
        route: 'uploadFirmware',
        call: { query: { product, version: '1.1.0' }, body: image },
        action: 'firmware.add',
        subject: firmware,
      },
      { route: 'setPilotReady', call: { ...version, body: {} }, action: 'firmware.ready', subject: firmware },
      {
        route: 'createRollout',
        call: { body: { version: '1.1.0', product, name: 'spring' } },
        action: 'rollout.create',
        subject: 'spring',
      },
      {
        route: 'updateLabel',
        call: { params: { name: 'shop' }, body: { timezone: 'Europe/Berlin' } },
        action: 'label.update',
        subject: 'shop',
      },
      { route: 'startRollout', call: rollout, action: 'rollout.start', subject: 'spring' },
      { route: 'pauseRollout', call: rollout, action: 'rollout.pause', subject: 'spring' },
      { route: 'resumeRollout', call: rollout, action: 'rollout.resume', subject: 'spring' },
      { route: 'retryRollout', call: rollout, action: 'rollout.retry', subject: 'spring' },
      {
        route: 'createSchedule',
        call: { body: { name: 'go-on', cron: '0 2 * * *', action: 'promote', rollout: 'spring', enabled: false } },
        action: 'schedule.create',
        subject: 'go-on',
      },
      {
        route: 'changeSchedule',
        call: { ...schedule, body: { cron: '0 3 * * *', action: 'promote', rollout: 'spring' } },
        action: 'schedule.change',
        subject: 'go-on',
      },
      {
        route: 'setScheduleEnabled',
        call: { ...schedule, body: { enabled: true } },
        action: 'schedule.enable',
        subject: 'go-on',
      },
      { route: 'runSchedule', call: schedule, action: 'rollout.promote', subject: 'spring' },
      { route: 'deleteSchedule', call: schedule, action: 'schedule.delete', subject: 'go-on' },
      { route: 'promoteRollout', call: rollout, action: 'rollout.promote', subject: 'spring' },
      {
        route: 'setRequired',
        call: { ...version, body: { required: true } },
        action: 'firmware.require',
        subject: firmware,
      },
      {
        route: 'setMustPass',
        call: { ...version, body: { must_pass: false } },
        action: 'firmware.unrequire',
        subject: firmware,
      },
      { route: 'blockFirmware', call: { ...version, body: {} }, action: 'firmware.block', subject: firmware },
      { route: 'unblockFirmware', call: version, action: 'firmware.unblock', subject: firmware },
      {
        route: 'createRollout',
        call: { body: { version: '1.1.0', product, name: 'autumn' } },
        action: 'rollout.create',
        subject: 'autumn',
      },
      {
        route: 'abortRollout',
        call: { params: { name: 'autumn' }, body: {} },
        action: 'rollout.abort',
        subject: 'autumn',
      },
      {
        route: 'keepRollout',
        call: { params: { name: 'winter' }, body: { reason: 'that board has a bad supply' } },
        action: 'rollout.keep',
        subject: 'winter',
        prepare: regress,
      },
      {
        route: 'setCounted',
        call: { params: { device: mac }, body: { counted: 'no', reason: 'the bench' } },
        action: 'device.counted',
        subject: mac,
      },
      {
        route: 'nameDevice',
        call: { params: { device: mac }, body: { name: 'sensor-2' } },
        action: 'device.name',
        subject: mac,
      },
      {
        route: 'noteDevice',
        call: { params: { device: mac }, body: { note: 'behind the boiler' } },
        action: 'device.note',
        subject: mac,
      },
      {
        route: 'noteFirmware',
        call: { ...version, body: { note: 'needs the new sensor' } },
        action: 'firmware.note',
        subject: firmware,
      },
      {
        route: 'noteRollout',
        call: { params: { name: 'winter' }, body: { note: 'for the fair' } },
        action: 'rollout.note',
        subject: 'winter',
      },
      {
        route: 'holdDevice',
        call: { params: { device: mac }, body: { reason: 'at the fair' } },
        action: 'device.hold',
        subject: mac,
      },
      { route: 'releaseDevice', call: { params: { device: mac } }, action: 'device.release', subject: mac },
      {
        route: 'freezeProduct',
        call: { params: { name: product }, body: { reason: 'before Christmas' } },
        action: 'product.freeze',
        subject: product,
      },
      { route: 'unfreezeProduct', call: { params: { name: product } }, action: 'product.unfreeze', subject: product },
      {
        route: 'setBudget',
        call: { params: { key: 'site' }, body: { max_devices: 1 } },
        action: 'budget.set',
        subject: 'site',
      },
      { route: 'removeBudget', call: { params: { key: 'site' } }, action: 'budget.remove', subject: 'site' },
      {
        route: 'cancelUpdate',
        call: { params: { device: mac }, body: { reason: 'the shop is open', version: '1.2.0' } },
        action: 'device.cancel',
        subject: mac,
      },
      { route: 'revokeToken', call: { params: { device: mac } }, action: 'device.revoke', subject: mac },
      {
        route: 'acceptEnrolment',
        call: { params: { device: mac } },
        action: 'device.accept',
        subject: mac,
        prepare: enrol,
      },
      {
        route: 'acceptEnrolments',
        call: { query: { confirm: 'true' } },
        action: 'device.accept_all',
        subject: 'enrolments',
        prepare: enrol,
      },
      { route: 'reopenEnrolment', call: { params: { device: mac } }, action: 'device.reenrol', subject: mac },
      { route: 'retryDevice', call: { params: { device: mac } }, action: 'device.retry', subject: mac },
      {
        route: 'offerNow',
        call: { params: { device: mac } },
        action: 'device.offer_now',
        subject: mac,
        prepare: rollOutNext,
      },
      {
        route: 'sendBack',
        call: { params: { device: mac }, query: { confirm: 'true' }, body: { reason: 'the shop is open' } },
        action: 'device.send_back',
        subject: mac,
        prepare: async () => void (await line.checkIn(mac, '1.4.0')),
      },
      {
        route: 'undoRollout',
        call: { params: { name: line.rolloutName('1.4.0') }, body: {} },
        action: 'rollout.undo',
        subject: line.rolloutName('1.4.0'),
      },
      { route: 'clearKnownBad', call: { params: { device: mac } }, action: 'device.clear_known_bad', subject: mac },
      {
        route: 'saveQuery',
        call: { params: { name: 'all' }, body: { where: 'silent' } },
        action: 'query.save',
        subject: 'all',
      },
      { route: 'removeQuery', call: { params: { name: 'all' } }, action: 'query.remove', subject: 'all' },
      {
        route: 'changeInBulk',
        call: { body: { verb: 'label', label: 'all', where: `product = ${product}`, confirm: true } },
        action: 'device.label',
        subject: 'all',
      },
      {
        route: 'removeFirmware',
        call: { params: { version: '1.3.0' }, query: { product, confirm: 'true' } },
        action: 'firmware.remove',
        subject: `${product} 1.3.0`,
        prepare: async () => void (await line.add('1.3.0')),
      },
      { route: 'createLoginLink', call: { body: {} }, action: 'session.link', subject: 'dashboard' },
      {
        route: 'revokeSession',
        call: {
          get params() {
            return { session };
          },
        },
        action: 'session.revoke',
        subject: expect.stringMatching(/^[0-9a-f]{8}$/),
        prepare: logInBrowser,
      },
      {
        route: 'importDevices',
        call: { query: { confirm: 'true' }, body: Buffer.from(`mac,labels\n${mac},tabled\n`) },
        action: 'device.import',
        subject: 'lines 2 to 2',
      },
      {
        route: 'replaceDevice',
        call: { params: { device: broken }, query: { confirm: 'true' }, body: { by: mac } },
        action: 'device.replace',
        subject: broken,
        prepare: async () => void (await line.checkIn(broken, '1.0.0')),
      },
      {
        route: 'testRecipients',
        call: { body: { name: 'nowhere' } },
        action: 'notify.test',
        subject: 'nowhere',
      },
      {
        route: 'removeDevice',
        call: { params: { device: mac }, query: { confirm: 'true' } },
        action: 'device.remove',
        subject: mac,
      },
    ];
  }

  /** A build that is newer than what the board runs. */
  async function rollOutNext(): Promise<void> {
    await line.add('1.4.0');
    await line.rollOut('1.4.0', 'expand');
  }

  /** A rollout that completes, and whose board comes back on the old build afterwards. */
  async function regress(): Promise<void> {
    const gate = { min_confirmed: 1, max_failed: 0 };
    const stages = [{ name: 'everyone', label: 'general', percentage: 100, promotion: 'auto', gate }];
    await server.admin('setPlan', { params: { name: 'watched' }, body: { stages } });
    await line.add('1.2.0');
    await server.admin('createRollout', {
      body: { version: '1.2.0', product: line.product, plan: 'watched', name: 'winter' },
    });
    await server.admin('startRollout', { params: { name: 'winter' }, body: {} });
    // Where it may not skip the version before.
    await line.take(mac, '1.1.0');
    await line.checkIn(mac, '1.2.0');
    await server.tick();
    await line.checkIn(mac, '1.1.0', CAME_BACK);
    expect(await server.admin('getRollout', { params: { name: 'winter' } })).toMatchObject({ status: 'regressed' });
  }

  test('has one new row after each changing route, by the operator, with the instant', async () => {
    expect(new Set(changes().map(({ route }) => route))).toEqual(new Set(CHANGES));
    for (const { route, call, action, subject, prepare } of changes()) {
      await prepare?.();
      server.clock.advance(1);
      const before = (await rows()).length;
      await server.admin(route, call);
      const after = await rows();
      expect({ route, added: after.length - before }).toEqual({ route, added: 1 });
      expect(after[0]).toMatchObject({
        actor: 'admin',
        action,
        subject,
        at: new Date(server.clock.nowMs).toISOString(),
      });
    }
  });

  test('says from which state to which, and why', async () => {
    const { items } = await server.admin('listAudit', { query: { subject: 'spring', sort: 'id' } });
    expect(items).toMatchObject([
      { action: 'rollout.create', details: { firmware: `${line.product} 1.1.0`, pilot_label: 'pilot' } },
      { action: 'rollout.start', details: { from: { status: 'draft' }, to: { status: 'running', stage: 'pilot' } } },
      { action: 'rollout.pause', details: { to: { status: 'paused', stage: 'pilot' }, reason: 'as planned' } },
      { action: 'rollout.resume', details: { to: { status: 'running', stage: 'pilot' } } },
      { action: 'rollout.retry', details: { devices: 0, reason: 'as planned' } },
      { action: 'rollout.promote', details: { to: { stage: 'expand' }, reason: 'schedule go-on, run by hand' } },
      { action: 'rollout.promote', details: { to: { status: 'complete' } } },
    ]);
  });

  test('has no row for what was refused, repeated in vain or only read', async () => {
    const before = await rows();
    const { product } = line;
    const version = { params: { version: '1.1.0' }, query: { product } };
    const vain: readonly (readonly [AdminRouteName, AdminCall])[] = [
      ['setPlan', { params: { name: 'careful' }, body: PLAN }],
      ['deletePlan', { params: { name: 'mine' } }],
      ['retryRollout', { params: { name: 'autumn' }, body: {} }],
      ['createLabel', { body: { name: 'general' } }],
      ['createLabel', { body: { name: 'shop' } }],
      ['deleteLabel', { params: { name: 'lab' } }],
      ['labelDevice', { params: { device: line.newMac(), name: 'lab' } }],
      ['unlabelDevice', { params: { device: mac, name: 'pilot' } }],
      ['startRollout', { params: { name: 'spring' }, body: {} }],
      ['createRollout', { body: { version: '9.9.9' } }],
      ['deleteSchedule', { params: { name: 'go-on' } }],
      ['blockFirmware', { params: { version: '9.9.9' }, body: {} }],
      ['removeFirmware', { params: { version: '1.1.0' }, query: { product, confirm: 'true' } }],
      ['importDevices', { query: { confirm: 'true' }, body: Buffer.from('mac,name\n24:6f,x\n') }],
      ['removeDevice', { params: { device: line.newMac() }, query: { confirm: 'true' } }],
      ['uploadFirmware', { query: { product, version: '1.1.0' }, body: Buffer.from('no image') }],
      ['uploadFirmware', { query: { product, version: '1.1.0' }, body: imageOf(product) }],
      ['getStatus', {}],
      ['listDevices', {}],
      ['getDevice', { params: { device: mac } }],
      ['explainDevice', { params: { device: mac } }],
      ['getFirmware', version],
      ['getRollout', { params: { name: 'spring' } }],
    ];
    for (const [route, call] of vain) await server.tryAdmin(route, call);
    await line.checkIn(mac, '1.0.0');
    expect(await rows()).toEqual(before);
  });
});

/** Its only recipient is not there, which is an answer of a test and no error. */
async function withRecipient(dialect: Dialect): Promise<TestServer> {
  const server = await startTestServer({ dialect });
  await server.stop();
  const recipient = { name: 'nowhere', shape: 'slack', url: { value: 'http://127.0.0.1:1/' }, allow_private: true };
  await appendFile(join(server.home, 'config/server.yml'), `\nnotify: ${JSON.stringify([recipient])}\n`);
  return server;
}

function imageOf(product: string): Buffer {
  return buildEspImage({ chipId: 0, descriptor: { version: '1.1.0', projectName: product } });
}
