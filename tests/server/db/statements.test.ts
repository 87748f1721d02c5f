// How many statements a request or a tick may cost, on both databases: each is a way to the database and back on PostgreSQL.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';
import { countStatements, isSoft, type Statements } from '../../support/server/statements.ts';

/** The timer of the server ticks meanwhile, too: of so many tries at least one has the statements to itself. */
const TRIES = 3;
const MAX_TRANSACTION_OF_PROMOTE = 10;
const MAX_TICK = 2;

let statements: Statements;
beforeAll(() => {
  statements = countStatements();
});
afterAll(() => statements.stop());

describe.each(BOTH)('statements on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
  });
  beforeEach(() => {
    line = new ProductLine(server);
    server.clock.advance(1);
  });
  afterAll(async () => server.end());

  /** Those of the try with the fewest; `count` says which belong to it. */
  const fewest = async (work: () => Promise<readonly string[]>): Promise<readonly string[]> => {
    const tries: (readonly string[])[] = [];
    for (let round = 0; round < TRIES; round += 1) tries.push(await work());
    return tries.toSorted((left, right) => left.length - right.length)[0] ?? [];
  };

  test('a check-in that changes nothing reads once and writes nothing that has to be durable', async () => {
    const mac = await line.newDevice('1.0.0');
    await line.detail(mac);
    const done = await fewest(async () => {
      statements.reset();
      await line.checkIn(mac, '1.0.0');
      return statements.texts.filter((sql) => !isSoft(sql));
    });
    expect(done).toHaveLength(1);
    expect(done[0]).toMatch(/^select/i);
  });

  test('a label with a query costs a check-in that changes nothing not one statement more, also when it is kept', async () => {
    const mac = await line.newDevice('1.0.0', ['lab']);
    const where = `product = ${line.product} and version < 2 and label lab and not seen for 7d`;
    await server.admin('createLabel', { body: { name: 'dynamic', where } });
    await line.detail(mac);
    await server.tick();
    const done = await fewest(async () => {
      statements.reset();
      await line.checkIn(mac, '1.0.0');
      await line.detail(mac);
      return statements.texts.filter((sql) => /labels|stage_members/.test(sql) && !/^select/i.test(sql));
    });
    expect(done).toEqual([]);
    const queries = await fewest(async () => {
      statements.reset();
      await line.checkIn(mac, '1.0.0');
      return statements.texts.filter((sql) => !isSoft(sql));
    });
    expect(queries).toHaveLength(1);
    await server.admin('deleteLabel', { params: { name: 'dynamic' }, query: { confirm: 'true' } });
  });

  test('a tick with nothing to do says that a server is here, and asks once whether anything is due', async () => {
    await line.makeStable('1.0.0');
    const schedule = { name: 'later', cron: '0 3 * * *', action: 'pause' as const, rollout: line.rolloutName('1.0.0') };
    await server.admin('createSchedule', { body: schedule });
    // Nobody watches it any more.
    server.clock.advance(30 * 86_400);
    await server.tick();
    await server.tick();
    const done = await fewest(async () => {
      server.clock.advance(1);
      statements.reset();
      await server.tick();
      return statements.texts;
    });
    expect(done.length, done.join('\n')).toBeLessThanOrEqual(MAX_TICK);
    await server.admin('deleteSchedule', { params: { name: 'later' } });
  });

  test('a list of rollouts reads no device: one statement for each beside four', async () => {
    await line.add('1.1.0');
    const mac = await line.newDevice('1.0.0', ['pilot']);
    await line.rollOut('1.1.0');
    await line.take(mac, '1.0.0');
    const list = async () => server.admin('listRollouts', { query: { product: line.product, limit: '10' } });
    const { items } = await list();
    expect(items).toMatchObject([
      { status: 'running', stages: [{ outcomes: { offered: 1, updating: 1, healthy: 0 } }, {}] },
    ]);
    const done = await fewest(async () => {
      statements.reset();
      await list();
      return statements.texts;
    });
    expect(done.length, done.join('\n')).toBeLessThanOrEqual(items.length + 4);
    expect(done.filter((sql) => /devices|presence|labels|telemetry/.test(sql))).toEqual([]);
  });

  test('what an operator changes is shown from what is committed: no transaction counts devices', async () => {
    await line.makeStable('1.0.0');
    await line.add('1.1.0');
    const mac = await line.newDevice('1.0.0', ['pilot']);
    await line.rollOut('1.1.0');
    await line.detail(mac);
    const params = { version: '1.1.0' };
    const query = { product: line.product };
    statements.reset();
    await server.admin('setRequired', { params, query, body: { required: true } });
    await server.admin('setPilotReady', { params, query, body: {} });
    await server.admin('updateLabel', { params: { name: 'pilot' }, body: { description: 'a few boards' } });
    await server.admin('blockFirmware', { params, query, body: { reason: 'bad' } });
    await server.admin('unblockFirmware', { params, query });
    // A tick may come in between; what an operator changes is audited.
    const changes = statements.transactions.filter((one) => one.some((sql) => /insert into "?audit/i.test(sql)));
    const counting = changes.flat().filter((sql) => /^select .*count\(/i.test(sql));
    expect(changes.length).toBeGreaterThanOrEqual(5);
    expect(counting).toEqual([]);
  });

  test('a promotion past a gate is one short transaction', async () => {
    await line.add('1.1.0');
    await line.newDevice('1.0.0', ['pilot']);
    const done = await fewest(async () => {
      const body = { version: '1.1.0', product: line.product, plan: 'careful' };
      const { name } = await server.admin('createRollout', { body });
      await server.admin('startRollout', { params: { name }, body: {} });
      statements.reset();
      const promotion = { from: 'pilot', override: true, reason: 'counted' };
      await server.admin('promoteRollout', { params: { name }, body: promotion });
      const ofPromotion =
        statements.transactions.find((one) => one.some((sql) => /update "?rollouts/i.test(sql))) ?? [];
      await server.admin('abortRollout', { params: { name }, body: {} });
      return ofPromotion;
    });
    expect(done.length, done.join('\n')).toBeGreaterThan(0);
    expect(done.length, done.join('\n')).toBeLessThanOrEqual(MAX_TRANSACTION_OF_PROMOTE);
  });
});
