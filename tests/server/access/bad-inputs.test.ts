// What an operator, a page or somebody with a token of a board can send wrong to the admin API (the ids are stable names of the rows of
// tests/data/bad-inputs.tsv): every refusal has its status and code, and changes nothing.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AdminRouteName } from '#protocol/admin/routes.ts';
import { type ErrorCode, HTTP_STATUS } from '#protocol/errors.ts';
import { addDevices, addFirmware, mac, rollOut } from '../../support/fleet.ts';
import { BOTH } from '../../support/scope.ts';
import type { AdminCall } from '../../support/server/client.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

interface Row {
  readonly id: string;
  readonly input: string;
  readonly name: AdminRouteName;
  readonly call: AdminCall;
  readonly code: ErrorCode;
  readonly says?: RegExp;
}

const TO_PILOT = { rollout: '1.1.0', action: 'promote' } as const;

const EVERYONE = { name: 'everyone', label: 'general', percentage: 100, promotion: 'manual' } as const;
const planOf = (stages: readonly unknown[]): AdminCall => ({
  params: { name: 'shares' },
  body: { description: '', stages },
});

const ROWS: readonly Row[] = [
  {
    id: 'C13',
    input: 'markup as the name of a label',
    name: 'createLabel',
    call: { body: { name: '<img src=x onerror=alert(1)>' } },
    code: 'field_invalid',
  },
  {
    id: 'C14',
    input: 'a name of 10 KB',
    name: 'createLabel',
    call: { body: { name: 'a'.repeat(10_000) } },
    code: 'field_invalid',
    says: /name/,
  },
  {
    id: 'C14',
    input: 'a name of a device of 10 KB',
    name: 'nameDevice',
    call: { params: { device: mac(1) }, body: { name: 'a'.repeat(10_000) } },
    code: 'field_invalid',
  },
  {
    id: 'C15',
    input: 'CR in a reason',
    name: 'pauseRollout',
    call: { params: { name: '1.1.0' }, body: { reason: 'a\rb' } },
    code: 'control_char',
  },
  {
    id: 'C15',
    input: 'LF in a reason',
    name: 'pauseRollout',
    call: { params: { name: '1.1.0' }, body: { reason: 'a\nb' } },
    code: 'control_char',
  },
  {
    id: 'C15',
    input: 'NUL in a description',
    name: 'createLabel',
    call: { body: { name: 'nul', description: 'a\0b' } },
    code: 'control_char',
  },
  ...[0, 101, -5, 0.5, '50%', null].map((percentage): Row => ({
    id: 'C17',
    input: `a stage of ${JSON.stringify(percentage)} percent`,
    name: 'setPlan',
    call: planOf([{ ...EVERYONE, percentage }]),
    code: 'field_invalid',
    says: /percentage/,
  })),
  {
    id: 'C18',
    input: 'stages of 50 and then 20 percent',
    name: 'setPlan',
    call: planOf([
      { ...EVERYONE, percentage: 50 },
      { ...EVERYONE, name: 'few', percentage: 20 },
    ]),
    code: 'field_invalid',
    says: /smaller share/,
  },
  {
    id: 'C21',
    input: 'cron each minute',
    name: 'createSchedule',
    call: { body: { ...TO_PILOT, name: 'often', cron: '* * * * *' } },
    code: 'cron_too_often',
  },
  {
    id: 'C22',
    input: 'a time zone of Mars',
    name: 'createSchedule',
    call: { body: { ...TO_PILOT, name: 'mars', cron: '0 3 * * *', timezone: 'Mars/Base' } },
    code: 'timezone_unknown',
  },
  {
    id: 'C23',
    input: 'a start in the past',
    name: 'createSchedule',
    call: { body: { name: 'past', rollout: '1.2.0', action: 'start', at: '2020-01-01T00:00:00Z', timezone: 'UTC' } },
    code: 'field_invalid',
    says: /is over/,
  },
  {
    id: 'C29',
    input: 'a second rollout on the same devices',
    name: 'startRollout',
    call: { params: { name: '1.2.0' }, body: {} },
    code: 'rollout_conflict',
    says: /1\.1\.0/,
  },
  {
    id: 'C30',
    input: 'resume of an aborted rollout',
    name: 'resumeRollout',
    call: { params: { name: 'ended' }, body: {} },
    code: 'invalid_transition',
  },
  {
    id: 'C31',
    input: 'removal of a firmware that is in use',
    name: 'removeFirmware',
    call: { params: { version: '1.1.0' }, query: { product: 'default', confirm: 'true' } },
    code: 'firmware_needed',
    says: /1\.1\.0/,
  },
  {
    id: 'C34',
    input: 'a limit of a billion',
    name: 'listDevices',
    call: { query: { limit: '1000000000' } },
    code: 'limit_invalid',
  },
  { id: 'C34', input: 'a limit of -1', name: 'listDevices', call: { query: { limit: '-1' } }, code: 'limit_invalid' },
  { id: 'C34', input: 'a limit of 0', name: 'listDevices', call: { query: { limit: '0' } }, code: 'limit_invalid' },
  {
    id: 'C35',
    input: 'SQL as the order',
    name: 'listDevices',
    call: { query: { sort: 'password;DROP' } },
    code: 'sort_invalid',
  },
];

describe.each(BOTH)('the admin API on %s', (dialect) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
    await addDevices(server, 1, '1.0.0');
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) await addFirmware(server, version);
    await server.admin('createRollout', { body: { version: '1.0.0', name: 'ended' } });
    await server.admin('abortRollout', { params: { name: 'ended' }, body: {} });
    await rollOut(server, '1.1.0', 'expand');
    await rollOut(server, '1.2.0', 'draft');
  });
  afterAll(async () => server.end());

  const path = '/api/v1/admin/rollouts/1.1.0/pause';
  const codeOf = (body: Buffer): unknown => JSON.parse(body.toString()).error?.code;

  test.each(ROWS)('$id: $input', async ({ name, call, code, says = /./ }) => {
    const before = await server.admin('listAudit');
    const { status, body } = await server.tryAdmin(name, call);
    expect({ status, body }).toMatchObject({
      status: HTTP_STATUS[code],
      body: { error: { code, message: expect.stringMatching(says) } },
    });
    expect(await server.admin('listAudit')).toEqual(before);
  });

  test.each([
    ['C1: no credential', {}, 'token_missing'],
    ['C11: the fleet token', { authorization: () => `Bearer ${server.fleetToken}` }, 'wrong_scope'],
  ] as const)('%s', async (_, headers: Readonly<Record<string, () => string>>, code) => {
    const sent = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value()]));
    const { status, body } = await server.fetch('POST', path, {
      headers: { 'content-type': 'application/json', ...sent },
      body: '{}',
    });
    expect([status, codeOf(body)]).toEqual([HTTP_STATUS[code], code]);
  });

  /** The cookie of a browser that has logged in. */
  async function logIn(): Promise<string> {
    const open = await server.fetch('POST', '/api/v1/log-in', {
      headers: { origin: server.url.origin, 'content-type': 'application/json' },
      body: JSON.stringify({ token: server.adminToken }),
    });
    return String(open.headers['set-cookie']).split(';', 1)[0] ?? '';
  }

  test.each([
    {
      row: 'C5: a cookie from another origin',
      origin: 'https://evil.example',
      type: 'application/json',
      code: 'origin_foreign',
    },
    { row: 'C6: a cookie with a form as text', origin: undefined, type: 'text/plain', code: 'content_type' },
  ] as const)('$row', async ({ origin, type, code }) => {
    const headers = { cookie: await logIn(), origin: origin ?? server.url.origin, 'content-type': type };
    const { status, body } = await server.fetch('POST', path, { headers, body: '{}' });
    expect([status, codeOf(body)]).toEqual([HTTP_STATUS[code], code]);
    expect((await server.admin('getRollout', { params: { name: '1.1.0' } })).status).toBe('running');
  });

  test('C3: a session that is none', async () => {
    const cookie = (await logIn()).replace(/=.*/, `=${'a'.repeat(43)}`);
    const headers = { cookie, origin: server.url.origin, 'content-type': 'application/json' };
    const { status, body } = await server.fetch('POST', path, { headers, body: '{}' });
    expect([status, codeOf(body)]).toEqual([401, 'session_ended']);
  });

  test('C39: what another origin reads with a cookie no page of it gets', async () => {
    const headers = { cookie: await logIn(), origin: 'https://evil.example' };
    const answer = await server.fetch('GET', '/api/v1/admin/status', { headers });
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });
});
