// Promotion by a person: it names the stage that it means, and it does not pass a gate that has not passed unless somebody
// says so with a reason. Over the wire, on both databases.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const PLANS = `plans:
  - name: by-hand
    stages:
      - {name: pilot, label: pilot, gate: {min_confirmed: 2, max_failed: 1}}
      - {name: some, label: general, percentage: 50%, gate: {min_confirmed: 50}}
      - {name: all, label: general}
  - name: free
    stages:
      - {name: first, label: pilot}
      - {name: second, label: shop}
      - {name: third, label: general}
`;

describe.each(BOTH)('promote on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  let pilots: readonly string[];
  let name: string;
  beforeAll(async () => {
    server = await startTestServer({ dialect, plans: PLANS });
  });
  beforeEach(async () => {
    line = new ProductLine(server);
    server.clock.advance(1);
    await line.add('1.1.0');
    pilots = [await line.newDevice('1.0.0', ['pilot']), await line.newDevice('1.0.0', ['pilot'])];
  });
  afterAll(async () => server.end());

  const begin = async (plan: string): Promise<void> => {
    ({ name } = await server.admin('createRollout', { body: { version: '1.1.0', product: line.product, plan } }));
    await server.admin('startRollout', { params: { name }, body: {} });
  };
  const tryPromote = async (body: Readonly<Record<string, unknown>>) =>
    server.tryAdmin('promoteRollout', { params: { name }, body });
  const rollout = async (): Promise<Rollout> => server.admin('getRollout', { params: { name } });
  const update = async (mac: string): Promise<void> => line.update(mac, '1.0.0', '1.1.0');
  const lastAudit = async () =>
    (await server.admin('listAudit', { query: { subject: name, action: 'rollout.promote' } })).items[0];

  test('opens the next stage where it names the one that is open', async () => {
    await begin('free');
    expect(await tryPromote({ from: 'first' })).toMatchObject({
      status: 200,
      body: { status: 'running', stage: 'second', warnings: [] },
    });
  });

  test('of a stage that is not open any more is refused, with the one that is', async () => {
    await begin('free');
    await tryPromote({ from: 'first' });
    expect(await tryPromote({ from: 'first' })).toMatchObject({
      status: 409,
      body: {
        error: {
          code: 'stage_moved',
          message: `rollout ${name} is at stage second, not at first`,
          hint: expect.stringContaining(`otter rollout promote ${name} --from second`),
        },
      },
    });
    expect(await rollout()).toMatchObject({ stage: 'second' });
  });

  test('twice at once opens one stage', async () => {
    await begin('free');
    const both = await Promise.all([tryPromote({ from: 'first' }), tryPromote({ from: 'first' })]);
    expect(both.map(({ status }) => String(status)).toSorted()).toEqual(['200', '409']);
    expect(await rollout()).toMatchObject({ stage: 'second' });
  });

  test('of a stage that the rollout does not have is refused with those that it has', async () => {
    await begin('free');
    expect(await tryPromote({ from: 'pilto' })).toMatchObject({
      status: 400,
      body: { error: { code: 'field_invalid', hint: expect.stringContaining('first, second, third') } },
    });
  });

  test('without a stage means the open one, and is warned about', async () => {
    await begin('free');
    expect(await tryPromote({})).toMatchObject({
      status: 200,
      body: {
        stage: 'second',
        warnings: [expect.stringMatching(/names no stage: first .* otter rollout promote .* --from first/)],
      },
    });
  });

  test('is refused while the gate has not passed, with its numbers and the way round', async () => {
    await begin('by-hand');
    await update(pilots[0] ?? '');
    expect(await tryPromote({ from: 'pilot' })).toMatchObject({
      status: 409,
      body: {
        error: {
          code: 'gate_not_passed',
          message: expect.stringMatching(/the gate of stage pilot .* 1 of 2 healthy/),
          hint: expect.stringMatching(/--override --reason/),
        },
      },
    });
    expect(await tryPromote({}), 'also without a stage').toMatchObject({ status: 409 });
    expect(await rollout()).toMatchObject({ status: 'running', stage: 'pilot' });
    await update(pilots[1] ?? '');
    expect(await tryPromote({ from: 'pilot' })).toMatchObject({ status: 200, body: { stage: 'some' } });
    expect((await lastAudit())?.details).toMatchObject({ gate: { state: 'passed', gateCounts: { healthy: 2 } } });
    expect((await lastAudit())?.details).not.toHaveProperty('override');
  });

  test('passes such a gate with an override and a reason, which the audit keeps with the numbers', async () => {
    await begin('by-hand');
    await update(pilots[0] ?? '');
    expect(await tryPromote({ from: 'pilot', override: true })).toMatchObject({
      status: 400,
      body: { error: { code: 'reason_missing' } },
    });
    expect(await tryPromote({ from: 'pilot', override: true, reason: '  ' })).toMatchObject({ status: 400 });
    expect(await rollout()).toMatchObject({ stage: 'pilot' });
    const reason = 'the other pilot is at the customer';
    expect(await tryPromote({ from: 'pilot', override: true, reason })).toMatchObject({
      status: 200,
      body: { stage: 'some' },
    });
    expect(await lastAudit()).toMatchObject({
      actor: 'admin',
      details: {
        from: { status: 'running', stage: 'pilot' },
        to: { status: 'running', stage: 'some' },
        reason,
        override: true,
        gate: { state: 'waiting', text: expect.stringContaining('1 of 2 healthy'), gateCounts: { healthy: 1 } },
      },
    });
  });

  test('of a rollout that is not running is refused as before, whatever it names', async () => {
    await begin('free');
    await server.admin('pauseRollout', { params: { name }, body: {} });
    const refused = { status: 409, body: { error: { code: 'invalid_transition' } } };
    expect(await tryPromote({ from: 'first' })).toMatchObject(refused);
    expect(await tryPromote({ from: 'first', override: true, reason: 'now' })).toMatchObject(refused);
    await server.admin('abortRollout', { params: { name }, body: {} });
    expect(await tryPromote({ from: 'first' })).toMatchObject(refused);
  });
});

test('two servers that promote the same stage at once open one', async () => {
  const first = await startTestServer({ dialect: 'postgres', plans: PLANS });
  await first.stop();
  const left = await startTestServer({ like: first });
  const right = await startTestServer({ like: first });
  const line = new ProductLine(left);
  await line.add('1.1.0');
  const { name } = await left.admin('createRollout', {
    body: { version: '1.1.0', product: line.product, plan: 'free' },
  });
  await left.admin('startRollout', { params: { name }, body: {} });
  const promote = async (server: TestServer) =>
    server.tryAdmin('promoteRollout', { params: { name }, body: { from: 'first' } });
  const answers = await Promise.all([left, right, left, right].map(promote));
  expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(['200', '409', '409', '409']);
  expect(await right.admin('getRollout', { params: { name } })).toMatchObject({ status: 'running', stage: 'second' });
  await right.stop();
  await left.end();
});

describe.each(BOTH)('a pilot without a board on %s', (dialect) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  afterAll(async () => server.end());

  test('is told of as a draft, at the start and afterwards, with the command that labels a board', async () => {
    const line = new ProductLine(server);
    await line.add('1.1.0');
    const mac = await line.newDevice('1.0.0');
    const draft = await line.rollOut('1.1.0', 'draft');
    expect(draft.warnings).toEqual([
      `nobody is in stage pilot: no device of product ${line.product} has label pilot; label one before the start: otter device label MAC pilot`,
    ]);
    const started = await line.move('1.1.0', 'start');
    expect(started.warnings).toEqual([
      expect.stringMatching(
        /^nobody is in stage pilot: .* had label pilot when it opened.*otter device label MAC pilot/,
      ),
    ]);
    expect((await line.rollout('1.1.0')).warnings).toEqual(started.warnings);
    server.clock.advance(1);
    await server.admin('labelDevice', { params: { device: mac, name: 'pilot' }, query: { confirm: 'true' } });
    expect((await line.rollout('1.1.0')).warnings, 'a label that comes later counts for the next stage').toEqual(
      started.warnings,
    );
    await line.move('1.1.0', 'abort');
    expect((await line.rollout('1.1.0')).warnings).toEqual([]);
  });

  test('is not told of where a board has its label', async () => {
    const line = new ProductLine(server);
    await line.add('1.1.0');
    await line.newDevice('1.0.0', ['pilot']);
    expect((await line.rollOut('1.1.0', 'draft')).warnings).toEqual([]);
    expect((await line.move('1.1.0', 'start')).warnings).toEqual([]);
  });
});
