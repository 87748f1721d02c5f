// Queries that are kept by a name, over real HTTPS on both databases.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MAX_SAVED_QUERIES } from '#protocol/limits.ts';
import { ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('a saved query on %s', (dialect) => {
  let server: TestServer;
  let line: ProductLine;
  beforeAll(async () => {
    server = await startTestServer({ dialect });
    line = new ProductLine(server);
  });
  afterAll(async () => server.end());

  const save = async (name: string, where: string) =>
    server.tryAdmin('saveQuery', { params: { name }, body: { where } });
  const find = async (where: string) => {
    const { items } = await server.admin('listDevices', { query: { where, limit: '500' } });
    return items.map(({ mac }) => mac);
  };

  test('stands for what it means in lists, in bulk and beside other conditions, and changes with its name', async () => {
    const [old, lab, fresh] = [
      await line.newDevice('1.0.0'),
      await line.newDevice('1.0.0', ['lab']),
      await line.newDevice('2.0.0', ['lab']),
    ];
    expect(
      await server.admin('saveQuery', { params: { name: 'old' }, body: { where: 'version < 2 or held' } }),
    ).toEqual({
      name: 'old',
      where: 'version < 2 or held',
      devices: 2,
      saved_by: 'admin',
      saved_at: new Date(server.clock.nowMs).toISOString(),
    });
    expect(await find('@old')).toEqual([old, lab]);
    expect(await find('@old label lab')).toEqual([lab]);
    expect(await find('not @old')).toEqual([fresh]);
    const change = { verb: 'label', label: 'ancient', where: '@old and label lab', confirm: true } as const;
    expect(await server.admin('changeInBulk', { body: change })).toMatchObject({ changed: 1 });
    await save('old', 'version < 1');
    expect(await find('@old')).toEqual([]);
    expect((await server.admin('getQueries')).items).toMatchObject([{ name: 'old', devices: 0 }]);
    await server.admin('removeQuery', { params: { name: 'old' } });
    expect((await server.admin('getQueries')).items).toEqual([]);
  });

  test('that is not there is said with the place; one that cannot be read is not kept', async () => {
    await save('lab-c3', 'label lab');
    expect((await server.tryAdmin('listDevices', { query: { where: 'held or @lab-c4' } })).body).toMatchObject({
      error: {
        code: 'query_invalid',
        message: 'where: at character 9: there is no saved query lab-c4; did you mean @lab-c3?',
        position: 9,
      },
    });
    expect(await save('wrong', 'chop')).toMatchObject({ status: 400, body: { error: { position: 1 } } });
    expect(await server.tryAdmin('removeQuery', { params: { name: 'lab-c4' } })).toMatchObject({
      status: 404,
      body: { error: { code: 'query_unknown', hint: 'did you mean lab-c3?' } },
    });
  });

  test('goes by no other, nor does the query of a label go by one', async () => {
    await save('base', 'held');
    for (const answer of [
      await save('second', 'silent and @base'),
      await server.tryAdmin('createLabel', { body: { name: 'by-saved', where: 'silent and @base' } }),
    ])
      expect(answer).toMatchObject({ status: 400, body: { error: { code: 'query_invalid', position: 12 } } });
  });

  test(`is one of at most ${MAX_SAVED_QUERIES}`, async () => {
    for (let number = 0; number < MAX_SAVED_QUERIES; number += 1) await save(`q${number}`, 'held');
    expect(await save('one-more', 'held')).toMatchObject({ status: 409, body: { error: { code: 'query_limit' } } });
    expect(await save('q1', 'silent')).toMatchObject({ status: 200 });
  });
});
