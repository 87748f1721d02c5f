// Devices as a CSV file, over real HTTPS on both databases: what an export says, and what an import makes of what spreadsheets write.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DeviceImport } from '#protocol/admin/fleet/device-table.ts';
import { ProductLine } from '../../support/product-line.ts';
import { BOTH } from '../../support/scope.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

describe.each(BOTH)('a table of devices on %s', (dialect) => {
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

  const run = async (csv: string | Buffer, query: Readonly<Record<string, string>> = {}): Promise<DeviceImport> =>
    server.admin('importDevices', { query, body: Buffer.from(csv) });
  const doIt = async (csv: string | Buffer) => run(csv, { confirm: 'true' });
  const refusal = async (csv: string | Buffer, query: Readonly<Record<string, string>> = { confirm: 'true' }) => {
    const { status, body } = await server.tryAdmin('importDevices', { query, body: Buffer.from(csv) });
    return { status, ...JSON.parse(JSON.stringify(body)).error };
  };
  /** Not all at once: each comes with a connection of its own. */
  const devices = async (count: number): Promise<readonly string[]> => {
    const macs: string[] = [];
    while (macs.length < count) {
      const some = Math.min(50, count - macs.length);
      macs.push(...(await Promise.all(Array.from({ length: some }, async () => line.newDevice('1.0.0')))));
    }
    return macs;
  };
  const device = async (mac: string) => (await line.detail(mac)).device;
  const exported = async (query: Readonly<Record<string, string>> = {}) =>
    server.admin('getDeviceTable', { query: { where: `product = ${line.product}`, ...query } });

  test('goes out and comes in again unchanged, whatever stands in its cells', async () => {
    const macs = await devices(3);
    const notes = ['=HYPERLINK("http://x","y")', 'a "quoted", cell; with\nlines', "-1 and '=2"];
    for (const [index, mac] of macs.entries()) {
      await server.admin('noteDevice', { params: { device: mac }, body: { note: notes[index] } });
      await server.admin('nameDevice', { params: { device: mac }, body: { name: `Tür ${index} ${line.product}` } });
    }
    await server.admin('labelDevices', { params: { name: 'lab' }, body: { macs } });
    await server.admin('labelDevices', { params: { name: 'north' }, body: { macs: macs.slice(1) } });
    for (const form of ['plain', 'excel']) {
      const { csv, devices: count, next_cursor } = await exported({ form });
      expect({ count, next_cursor }).toEqual({ count: 3, next_cursor: null });
      expect(csv, 'no cell is a formula').not.toMatch(/(^|[,;"])[=@+-]/m);
      const answer = await run(csv);
      expect(answer).toMatchObject({ done: false, devices: 3, changed: 0, fault_count: 0, faults: [] });
    }
    const { csv } = await exported();
    expect(csv.split('\n')[0]).toBe('mac,name,labels,note');
    expect(csv).toContain(`${macs[1]},Tür 1 ${line.product},lab north,`);
    expect((await exported({ form: 'excel' })).csv).toMatch(/^\uFEFFmac;name;labels;note\r\n/);
  });

  test('goes out page by page with one head', async () => {
    const { csv, next_cursor } = await server.admin('getDeviceTable', { query: { where: 'product = nothing' } });
    expect({ csv, next_cursor }).toEqual({ csv: 'mac,name,labels,note\n', next_cursor: null });
  });

  test('says first what would change, then changes it, with events and one row in the audit', async () => {
    const [one = '', two = '', three = ''] = await devices(3);
    await server.admin('labelDevices', { params: { name: 'old' }, body: { macs: [one, two] } });
    const [a, b] = [`a-${line.product}`, `b-${line.product}`];
    const fresh = `fresh-${line.product}`;
    const csv = `mac,name,labels,note\n${one},${a},${fresh} old,\n${two},${b},${fresh},"two\nlines"\n${three},,,\n`;
    const would = await run(csv);
    expect(would).toMatchObject({
      done: false,
      devices: 3,
      changed: 2,
      named: 2,
      noted: 1,
      labels: [
        { label: fresh, is_new: true, put_on: 2, taken_off: 0, rollouts: [] },
        { label: 'old', is_new: false, put_on: 0, taken_off: 1, rollouts: [] },
      ],
      changes: [
        { line: 2, mac: one, text: `name none -> ${a}, + ${fresh}` },
        { line: 3, mac: two, text: `name none -> ${b}, + ${fresh}, - old, another note` },
      ],
    });
    expect((await device(one)).name, 'nothing happened yet').toBeNull();
    expect(await doIt(csv)).toEqual({ ...would, done: true });
    expect(await device(one)).toMatchObject({ name: a, labels: [fresh, 'old'], note: null });
    expect(await device(two)).toMatchObject({ name: b, labels: [fresh], note: { text: 'two\nlines', by: 'admin' } });
    const { items } = await server.admin('listAudit', { query: { action: 'device.import', limit: '1' } });
    expect(items).toMatchObject([
      { subject: 'lines 2 to 5', details: { devices: 2, named: 2, put_on: { [fresh]: 2 } } },
    ]);
    const events = await server.admin('listEvents', { query: { product: line.product, type: 'device.named' } });
    expect(new Set(events.items.map(({ name }) => name))).toEqual(new Set([a, b]));
    expect(await doIt(csv), 'once more').toMatchObject({ done: true, changed: 0 });
  });

  test('leaves alone what it has no column for, and empties what its cell is empty', async () => {
    const [mac = ''] = await devices(1);
    const name = `keep-${line.product}`;
    await doIt(`mac,name,labels,note\n${mac},${name},lab,stays\n`);
    server.clock.advance(60);
    const { note } = await device(mac);
    await doIt(`labels,mac\n,${mac}\n`);
    expect(await device(mac)).toMatchObject({ name, labels: [], note });
    await doIt(`mac,name,note\n${mac},,stays\n`);
    expect(await device(mac), 'who did not change a note does not become its author').toMatchObject({
      name: null,
      note,
    });
    await doIt(`mac;note\n${mac};\n`);
    expect((await device(mac)).note).toBeNull();
  });

  test.each([
    [
      'semicolons, CRLF and a byte order mark',
      (mac: string, name: string) => `\uFEFFmac;name;labels\r\n${mac};${name};a b\r\n`,
    ],
    ['tabs and CR', (mac: string, name: string) => `mac\tname\tlabels\r${mac}\t${name}\ta b\r`],
    ['quotes everywhere', (mac: string, name: string) => `"mac","name","labels"\n"${mac}","${name}","a b"\n`],
    [
      'capitals, blanks and empty lines',
      (mac: string, name: string) => `\nMAC , Name,LABELS\n\n ${mac.toUpperCase()} ,  ${name} , a  b \n,,\n\n`,
    ],
    [
      'a MAC without colons, no end of line',
      (mac: string, name: string) => `mac,labels,name\n${mac.replaceAll(':', '')},a b,${name}`,
    ],
  ])('is read with %s', async (_, write) => {
    const [mac = ''] = await devices(1);
    const name = `n-${line.product}`;
    expect(await doIt(write(mac, name))).toMatchObject({ devices: 1, changed: 1, fault_count: 0 });
    expect(await device(mac)).toMatchObject({ name, labels: ['a', 'b'] });
  });

  test('says what is wrong in which line, and changes nothing while one is', async () => {
    const [one = '', two = '', owner = ''] = await devices(3);
    const taken = `taken-${line.product}`;
    await server.admin('nameDevice', { params: { device: owner }, body: { name: taken } });
    const unknown = line.newMac();
    const csv = [
      'mac,name,labels,note',
      `${one},fine-${line.product},,`,
      `24:6f,x,,`,
      `${two},${taken.toUpperCase()},,"two`,
      `lines"`,
      `${one},other,,`,
      `${unknown},,,`,
      `${line.newMac()},24:6f:28:aa:bb:cc,general Pilot,`,
      `${two},,,,,`,
      `${line.newMac()},,,${'x'.repeat(1_001)}`,
    ].join('\n');
    const { faults, fault_count } = await run(csv);
    expect(faults).toEqual([
      { line: 3, text: 'mac: "24:6f" is no MAC address' },
      { line: 4, text: `name: another device has the name ${taken.toUpperCase()} already` },
      { line: 6, text: `mac: ${one} is in line 2 already` },
      { line: 7, text: `mac: no device ${unknown} has checked in yet` },
      { line: 8, text: 'name "24:6f:28:aa:bb:cc": it reads like a MAC address' },
      { line: 8, text: 'labels: "Pilot" is no name of a label; put blanks between labels' },
      { line: 8, text: 'labels: general means every device and is never added to one' },
      { line: 9, text: 'it has 6 cells for 4 columns' },
      { line: 10, text: 'note: it has 1001 characters, and 1000 are the most' },
    ]);
    expect(fault_count).toBe(9);
    expect(await refusal(csv)).toMatchObject({
      status: 400,
      code: 'table_invalid',
      message: 'line 3: mac: "24:6f" is no MAC address (and 8 more)',
    });
    expect((await device(one)).name).toBeNull();
  });

  test('leaves lines out whose device has not checked in, where that is said', async () => {
    const [mac = ''] = await devices(1);
    const csv = `mac,labels\n${line.newMac()},lab\n${mac},lab\n`;
    expect((await refusal(csv)).code).toBe('table_invalid');
    const answer = await run(csv, { confirm: 'true', skip_unknown: 'true' });
    expect(answer).toMatchObject({ done: true, devices: 2, changed: 1, unknown: 1 });
    expect((await device(mac)).labels).toEqual(['lab']);
  });

  test.each([
    ['nothing', '', 'table_invalid'],
    ['only blanks', '\n\n', 'table_invalid'],
    ['an unknown column', 'mac,nmae\n', 'table_invalid'],
    ['a column twice', 'mac,name,mac\n', 'table_invalid'],
    ['no MACs', 'name,labels\n', 'table_invalid'],
    ['Latin-1', Buffer.from('mac,name\n24:6f:28:00:00:01,T\u00FCr\n', 'latin1'), 'table_invalid'],
    ['UTF-16', Buffer.from('\uFEFFmac,name\n', 'utf16le'), 'table_invalid'],
  ])('of %s is refused', async (_, csv, code) => {
    expect(await refusal(csv, {})).toMatchObject({ status: 400, code });
  });

  test.each([
    ['a quote that is never closed', 'mac,note\n24:6f:28:00:00:01,"x\n\n'],
    ['text behind a quote', 'mac,note\n24:6f:28:00:00:01,"x"y\n'],
    ['a line without an end', `mac,note\n24:6f:28:00:00:01,"${'x'.repeat(20_000)}"\n`],
  ])('with %s says in which line', async (_, csv) => {
    expect((await run(csv)).faults).toMatchObject([{ line: expect.any(Number), text: expect.any(String) }]);
  });

  test('moves names from one device to another, also in a circle', async () => {
    const [one = '', two = '', three = ''] = await devices(3);
    const [a, b, c] = ['a', 'b', 'c'].map((letter) => `${letter}-${line.product}`);
    await doIt(`mac,name\n${one},${a}\n${two},${b}\n${three},${c}\n`);
    expect(await doIt(`mac,name\n${one},${b}\n${two},${c}\n${three},${a}\n`)).toMatchObject({ changed: 3, named: 3 });
    expect([(await device(one)).name, (await device(two)).name, (await device(three)).name]).toEqual([b, c, a]);
    expect(await doIt(`mac,name\n${one},${a}\n${three},\n`), 'one gives up what the other gets').toMatchObject({
      named: 2,
    });
  });

  test('names the rollouts under way whose stage a label is for', async () => {
    await line.add('1.1.0');
    const [mac = ''] = await devices(1);
    await line.newDevice('1.0.0', ['pilot']);
    await line.rollOut('1.1.0', 'pilot');
    const { labels } = await run(`mac,labels\n${mac},pilot\n`);
    expect(labels).toMatchObject([
      { label: 'pilot', put_on: 1, rollouts: expect.arrayContaining([line.rolloutName('1.1.0')]) },
    ]);
  });

  test('of many devices is taken over a thousand lines at a time; names may go from one thousand to the next', async () => {
    const macs = await devices(2_100);
    const head = 'mac,name,labels';
    const row = (mac: string, index: number) => `${mac},m${index}-${line.product},bulk`;
    expect(await doIt([head, ...macs.map(row)].join('\n'))).toMatchObject({ devices: 2_100, changed: 2_100 });
    const { items } = await server.admin('listAudit', { query: { action: 'device.import', limit: '3' } });
    expect(items.map(({ subject }) => subject)).toEqual([
      'lines 2002 to 2101',
      'lines 1002 to 2001',
      'lines 2 to 1001',
    ]);
    const turned = macs.map((mac, index) => row(mac, (index + 1) % macs.length));
    expect(await doIt([head, ...turned].join('\n'))).toMatchObject({ changed: 2_100, named: 2_100 });
    expect((await device(macs.at(-1) ?? '')).name).toBe(`m0-${line.product}`);
    const pages: string[] = [];
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page = await exported(cursor === undefined ? {} : { cursor });
      pages.push(page.csv);
      cursor = page.next_cursor;
    }
    expect(pages).toHaveLength(5);
    expect(pages.join('').trimEnd().split('\n')).toEqual([
      'mac,name,labels,note',
      ...macs.map((mac, index) => `${mac},m${(index + 1) % macs.length}-${line.product},bulk,`),
    ]);
  }, 120_000);

  test('has no dynamic labels: their queries say who has them, and follow what an import changes', async () => {
    const [mac = ''] = await devices(1);
    const [dynamic, given] = [`dyn-${line.product}`, `z-${line.product}`];
    const where = `label site=${line.product} and name = ${given}`;
    await server.admin('createLabel', { body: { name: dynamic, where } });
    await doIt(`mac,name,labels\n${mac},${given},site=${line.product}\n`);
    expect((await device(mac)).labels).toEqual([dynamic, `site=${line.product}`]);
    const { csv } = await exported();
    expect(csv).toContain(`${mac},${given},site=${line.product},`);
    expect(await run(csv)).toMatchObject({ changed: 0, fault_count: 0 });
    expect((await run(`mac,labels\n${mac},${dynamic}\n`)).faults).toEqual([
      { line: 2, text: `labels: ${dynamic} is dynamic: its query says which devices have it` },
    ]);
    await doIt(`mac,labels\n${mac},\n`);
    expect((await device(mac)).labels).toEqual([]);
  });

  test('that is broken off is finished by the same file once more', async () => {
    const macs = await devices(3);
    const csv = `mac,labels\n${macs.map((mac) => `${mac},again`).join('\n')}\n`;
    await doIt(`mac,labels\n${macs[0]},again\n`);
    expect(await doIt(csv)).toMatchObject({ changed: 2 });
  });
});
