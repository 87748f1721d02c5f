// Which devices a query means, over real HTTPS on both databases: the same as by its meaning without SQL.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseQuery } from '#protocol/query/parse.ts';
import { Random } from '#simulator/random.ts';
import { ProductLine } from '../../support/product-line.ts';
import { CHIPS, drawQuery, LABELS, LIBRARIES, RELEASE_KEYS, VERSIONS } from '../../support/query/random-query.ts';
import { isMeant, type KnownDevice } from '../../support/query/meaning.ts';
import { BOTH, sizeOf } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const SEED = 20_261_130;
const BOARDS = 40;
const QUERIES = sizeOf({ push: 300, whole: 3_000 });

describe.each(BOTH)('a query on %s', (dialect) => {
  let server: TestServer;
  let known: readonly KnownDevice[];

  beforeAll(async () => {
    server = await startTestServer({ dialect });
    known = await makeBoards(server, new Random(SEED));
  });
  afterAll(async () => server.end());

  const find = async (where: string): Promise<readonly string[]> => {
    const { items } = await server.admin('listDevices', { query: { where, limit: '500' } });
    return items.map(({ mac }) => mac).toSorted();
  };
  const everyone = (): readonly string[] => known.map(({ shown }) => shown.mac).toSorted();

  test(`drawn ${QUERIES} times finds what it means, and its negation all the others`, async () => {
    const random = new Random(SEED);
    const sizes = new Set<number>();
    for (let number = 0; number < QUERIES; number += 1) {
      const where = drawQuery(random);
      const parsed = parseQuery(where);
      if (!parsed.ok) throw new Error(`${where}: ${parsed.fault.message}`);
      const meant = known.filter((device) => isMeant(parsed.query, device, server.clock.nowMs));
      const macs = meant.map(({ shown }) => shown.mac).toSorted();
      expect(await find(where), where).toEqual(macs);
      const others = everyone().filter((mac) => !macs.includes(mac));
      expect(await find(`not (${where})`), `not (${where})`).toEqual(others);
      sizes.add(macs.length);
    }
    expect(sizes.size, 'the queries find now these and now those').toBeGreaterThan(20);
  });

  test('of a device that never said something: the condition is false, and its negation true', async () => {
    for (const [where, isSaid] of [
      ['library = mine', ({ library }: KnownDevice) => library === 'mine'],
      ['chip_revision < 301', ({ chipRevision }: KnownDevice) => chipRevision !== undefined && chipRevision < 301],
      [
        `release_key = ${RELEASE_KEYS[0]}`,
        ({ releaseKeys }: KnownDevice) => releaseKeys?.includes(RELEASE_KEYS[0]) === true,
      ],
      ['chip = esp32c3', ({ shown }: KnownDevice) => shown.chip === 'esp32c3'],
    ] as const) {
      const silent = known.filter((device) => !isSaid(device)).map(({ shown }) => shown.mac);
      expect(silent.length).toBeGreaterThan(0);
      expect(await find(`not ${where}`)).toEqual(silent.toSorted());
      expect(await find(where.replace(/ (=|<) /, (_, order) => (order === '=' ? ' != ' : ' >= ')))).toEqual(
        where.includes('<')
          ? known
              .filter(({ chipRevision }) => chipRevision !== undefined && chipRevision >= 301)
              .map(macOf)
              .toSorted()
          : silent.toSorted(),
      );
    }
  });

  test('the numbers of those that a query means are those of the list, and by one kind alone the same', async () => {
    for (const where of [undefined, 'version < 1.4', `not label ${LABELS[0]}`, 'held or silent', 'mac = ff']) {
      const query: Readonly<Record<string, string>> = where === undefined ? {} : { where };
      const { items } = await server.admin('listDevices', { query: { ...query, limit: '500' } });
      const answer = await server.admin('getDeviceNumbers', { query });
      expect(answer.devices, where).toBe(items.length);
      const marks = (one: (typeof items)[number]): readonly string[] => [
        ...(one.hold === null ? [] : ['held']),
        ...(one.counted === 'no' ? ['test'] : []),
        ...(one.rhythm.overdue ? ['overdue'] : []),
        ...(one.rhythm.flapping ? ['flapping'] : []),
      ];
      const wanted = {
        product: items.map(({ product }) => product),
        chip: items.map(({ chip }) => chip),
        version: items.map((one) => one.current_version),
        status: items.map(({ status }) => status),
        label: items.flatMap(({ labels }) => labels),
        mark: items.flatMap(marks),
      };
      expect(answer.numbers.map(({ by }) => by)).toEqual(Object.keys(wanted));
      for (const { by, values, more } of answer.numbers) {
        expect(more).toBe(0);
        const counted = [...Map.groupBy<string | null, string | null>(wanted[by], (value) => value)];
        const pairs = new Map(counted.map(([value, all]) => [value, all.length]));
        expect(new Map(values.map(({ value, devices }) => [value, devices])), `${where}: ${by}`).toEqual(pairs);
        expect(values.map(({ devices }) => devices)).toEqual(
          values.map(({ devices }) => devices).toSorted((a, b) => b - a),
        );
      }
      expect((await server.admin('getDeviceNumbers', { query: { ...query, by: 'label' } })).numbers).toEqual(
        answer.numbers.filter(({ by }) => by === 'label'),
      );
    }
    expect(await server.tryAdmin('getDeviceNumbers', { query: { where: 'chop' } })).toMatchObject({
      status: 400,
      body: { error: { code: 'query_invalid', position: 1 } },
    });
  });

  test('orders versions as SemVer does; what is not SemVer is neither before nor after', async () => {
    const running = (...versions: readonly string[]) =>
      known
        .filter(({ shown }) => versions.includes(shown.current_version))
        .map(macOf)
        .toSorted();
    expect(await find('version < 1.4')).toEqual(running('1.0.0', '1.3.9', '1.4.0-rc1'));
    expect(await find('version = 1.4.0')).toEqual(running('1.4.0', 'v1.4.0+build.7'));
    expect(await find('version >= 1.4')).toEqual(
      running('1.4.0', 'v1.4.0+build.7', '1.4.0-2-g0296947', '1.10.0', '2.0.0'),
    );
    expect(await find('not version < 1.4 and not version >= 1.4')).toEqual(running('build-77', '1.4'));
  });

  test('is counted, and pages as every list', async () => {
    const where = 'version >= 1.4 or label lab';
    const whole = await find(where);
    const first = await server.admin('listDevices', { query: { where, limit: '3', total: 'true' } });
    expect(first).toMatchObject({ total: whole.length });
    const rest = await server.admin('listDevices', {
      query: { where, limit: '500', cursor: first.next_cursor ?? '' },
    });
    expect([...first.items, ...rest.items].map(({ mac }) => mac).toSorted()).toEqual(whole);
  });

  test('narrows what the other parameters find', async () => {
    const { items } = await server.admin('listDevices', {
      query: { where: 'not label pilot', label: 'lab', limit: '500' },
    });
    const both = known.filter(({ shown: { labels } }) => labels.includes('lab') && !labels.includes('pilot'));
    expect(items.map(({ mac }) => mac).toSorted()).toEqual(both.map(macOf).toSorted());
  });

  test('that cannot be read is refused with what is wrong, and the character where', async () => {
    expect(await server.tryAdmin('listDevices', { query: { where: 'label lab and chop = esp32' } })).toMatchObject({
      status: 400,
      body: {
        error: {
          code: 'query_invalid',
          message: 'where: at character 15: there is no field "chop"; did you mean chip?',
          position: 15,
        },
      },
    });
  });
});

function macOf({ shown }: KnownDevice): string {
  return shown.mac;
}

/** Boards of two products that say now this and now that, or nothing; on some of them a build is known bad. */
async function makeBoards(server: TestServer, random: Random): Promise<readonly KnownDevice[]> {
  const lines = [new ProductLine(server, 1), new ProductLine(server, 2)] as const;
  for (const line of lines) {
    await line.add('1.4.0');
    await line.add('1.10.0');
  }
  const boards: {
    mac: string;
    sent: number;
    first: number;
    revision: number | undefined;
    library: string | undefined;
    keys: readonly string[] | undefined;
  }[] = [];
  for (let index = 0; index < BOARDS; index += 1) {
    server.clock.advance(1 + random.integer(20_000));
    const line = random.pick(lines);
    const mac = line.newMac();
    const revision = random.chance(0.4) ? random.pick([3, 100, 301]) : undefined;
    const library = random.chance(0.6) ? random.pick(LIBRARIES) : undefined;
    const keys = random.chance(0.6) ? RELEASE_KEYS.filter(() => random.chance(0.5)) : undefined;
    await line.checkIn(mac, random.pick(VERSIONS), {
      ...(random.chance(0.8) ? { chip: random.pick(CHIPS) } : {}),
      ...(revision === undefined ? {} : { chip_revision: revision }),
      ...(library === undefined ? {} : { library }),
      ...(keys === undefined ? {} : { release_keys: [...keys] }),
    });
    const now = server.clock.nowMs;
    boards.push({ mac, sent: now, first: now, revision, library, keys });
    for (const name of LABELS)
      if (random.chance(0.4)) await server.admin('labelDevice', { params: { device: mac, name } });
    if (random.chance(0.3))
      await server.admin('holdDevice', {
        params: { device: mac },
        body: { reason: 'x', ...(random.chance(0.5) ? { until: new Date(now + 60_000).toISOString() } : {}) },
      });
    if (random.chance(0.5))
      await server.admin('nameDevice', {
        params: { device: mac },
        body: { name: random.chance(0.3) ? `Würfel ${index}` : `sensor-${index}` },
      });
    if (random.chance(0.2))
      await server.admin('setCounted', { params: { device: mac }, body: { counted: 'no', reason: 'bench' } });
  }
  const failed = await failSome(server, lines[0]);
  server.clock.advance(60);
  const { items } = await server.admin('listDevices', { query: { limit: '500' } });
  return items.map((shown) => {
    const board = boards.find(({ mac }) => mac === shown.mac);
    return {
      shown,
      seenAtMs: board?.sent ?? failed.seenAtMs,
      firstSeenAtMs: board?.first ?? failed.seenAtMs,
      chipRevision: board?.revision,
      library: board?.library,
      releaseKeys: board?.keys,
      knownBad: new Set(failed.macs.includes(shown.mac) ? ['1.4.0'] : []),
    };
  });
}

/** New boards of the first product that 1.4.0 made crash, and one that failed once for a reason that may pass. */
async function failSome(server: TestServer, line: ProductLine) {
  await line.rollOut('1.4.0', 'expand');
  const macs = [line.newMac(), line.newMac()];
  for (const mac of macs) await line.rollBack(mac, '1.0.0', '1.4.0');
  const passing = line.newMac();
  const id = await line.take(passing, '1.0.0');
  await line.report(passing, id, 1, 'failed', { error_code: 'connection_lost' });
  return { macs, seenAtMs: server.clock.nowMs };
}
