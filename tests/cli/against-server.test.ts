// The command line against a real server: what an operator types, what it says, how it exits. Ids such as D15 are rows of
// tests/data/bad-inputs.tsv.

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildEspImage } from '../support/esp-image-builder.ts';
import { imageOf, mac } from '../support/fleet.ts';
import { type OtterRun, runOtter, spawnOtter } from '../support/otter-command.ts';
import { localMinute } from '#cli/views/relative-time.ts';
import { DIALECTS } from '../support/scope.ts';
import { openRaw } from '../support/server/raw-database.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';

let server: TestServer;
let folder: string;

/** Types a command on the server's own machine. */
async function otter(...args: readonly string[]): Promise<OtterRun> {
  return runOtter(folder, [...args, '--home', server.home]);
}

async function file(name: string, bytes: Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

describe.each(DIALECTS)('a server on %s', (dialect) => {
  beforeAll(async () => {
    server = await startTestServer({ dialect });
    folder = await mkdtemp(join(tmpdir(), 'otter-cli-'));
  });
  afterAll(async () => {
    await server.end();
    await rm(folder, { recursive: true, force: true });
  });

  describe('an upload', () => {
    test('takes product and version from the firmware marker', async () => {
      const run = await otter('firmware', 'add', await file('marked.bin', imageOf('3.0.0')), '--json');
      expect(run).toMatchObject({ exitCode: 0, stderr: '' });
      expect(JSON.parse(run.stdout)).toMatchObject({
        firmware: { product: 'default', version: '3.0.0' },
        already_there: false,
      });
    });

    test.each([
      ['D10 an ELF', Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(2_000)]), [], 3, /elf_not_bin/],
      ['D11 a merged factory image', merged(), [], 3, /merged_image/],
      ['D13 no version anywhere', bare(), [], 3, /version_missing/],
      [
        'D14 another version than the image says',
        imageOf('3.1.0'),
        ['--version', '3.2.0'],
        3,
        /version_mismatch.*3\.1\.0.*3\.2\.0/s,
      ],
      ['a product that contradicts the marker', imageOf('3.1.0'), ['--product', 'other'], 3, /product_mismatch/],
      ['a chip that is not the announced one', imageOf('3.1.0'), ['--chip', 'esp32c3'], 3, /chip_mismatch/],
    ] as const)('of %s is refused with what to do', async (_name, bytes, options, exitCode, said) => {
      const run = await otter('firmware', 'add', await file('refused.bin', bytes), ...options, '--json');
      expect(run.exitCode).toBe(exitCode);
      expect(run.stdout).toMatch(said);
      expect(JSON.parse(run.stdout).error.hint).not.toBe('');
    });

    test('D14 goes through with --force-version', async () => {
      const run = await otter(
        'firmware',
        'add',
        await file('forced.bin', imageOf('3.1.0')),
        '--version',
        '3.2.0',
        '--force-version',
        '--json',
      );
      expect(JSON.parse(run.stdout)).toMatchObject({ firmware: { version: '3.2.0' } });
    });

    test('D15 of a version that is there with other bytes shows both digests', async () => {
      await otter('firmware', 'add', await file('first.bin', imageOf('3.3.0')));
      const other = buildEspImage({ chipId: 0, descriptor: { version: '3.3.0', idfVersion: 'v9' } });
      const run = await otter('firmware', 'add', await file('second.bin', other), '--version', '3.3.0');
      expect(run.exitCode).toBe(6);
      expect(run.stderr.match(/[0-9a-f]{64}/g)).toHaveLength(2);
    });

    test('D30 that Ctrl-C interrupts ends with 130 and publishes nothing', async () => {
      const proxy = await slowProxy(server);
      const address = proxy.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const large = buildEspImage({
        chipId: 0,
        segments: [{ loadAddress: 0x3f400020, data: Buffer.alloc(2_000_000, 7) }],
      });
      const path = await file('large.bin', large);
      const run = await spawnOtter(
        folder,
        [
          'firmware',
          'add',
          path,
          '--version',
          '3.4.0',
          '--server',
          `https://127.0.0.1:${port}`,
          '--pin',
          `spki:${server.pin.sha256}`,
          '--token',
          server.adminToken,
        ],
        {
          onStart: (child) => void once(proxy, 'flowing').then(() => child.kill('SIGINT')),
        },
      );
      proxy.close();
      expect(run.exitCode).toBe(130);
      expect((await server.tryAdmin('getFirmware', { params: { version: '3.4.0' } })).status).toBe(404);
    });
  });

  test('D27 a token that the server does not know ends with 4', async () => {
    const run = await runOtter(folder, [
      'status',
      '--server',
      server.url.href,
      '--pin',
      `spki:${server.pin.sha256}`,
      '--token',
      'ota_this-token-was-replaced-long-ago-000000',
    ]);
    expect(run.exitCode).toBe(4);
    expect(run.stderr).toMatch(/token/);
  });

  test('a whole rollout is typed, watched, explained and blocked', async () => {
    const device = mac(77);
    await server.checkIn(device, '0.9.0', { chip: 'esp32' });
    const typed = [
      ['label', 'create', 'pilot', '--description', 'boards on my desk'],
      ['device', 'label', device, 'pilot'],
      ['firmware', 'add', await file('story.bin', imageOf('4.0.0'))],
      ['firmware', 'ready', '4.0.0'],
      ['rollout', 'create', '--firmware', '4.0.0'],
      ['rollout', 'start', '4.0.0'],
    ];
    for (const command of typed) expect(await otter(...command), command.join(' ')).toMatchObject({ exitCode: 0 });
    expect((await otter('device', 'explain', device.toUpperCase())).stdout).toMatch(/4\.0\.0/);
    await server.checkIn(device, '0.9.0');
    await server.checkIn(device, '4.0.0');
    for (const command of [
      ['rollout', 'promote', '4.0.0', '--from', 'pilot'],
      ['rollout', 'promote', '4.0.0', '--from', 'expand'],
    ])
      expect(await otter(...command)).toMatchObject({ exitCode: 0 });
    expect((await otter('rollout', 'show', '4.0.0')).stdout).toMatch(/complete/);
    expect((await otter('rollout', 'start', '4.0.0')).exitCode).toBe(6);
    expect(await otter('firmware', 'block', '4.0.0')).toMatchObject({ exitCode: 2 });
    const dry = await otter('firmware', 'block', '4.0.0', '--dry-run');
    expect(dry).toMatchObject({ exitCode: 0, stderr: '' });
    expect(dry.stdout).toMatch(/^1 device runs it and stays on it: no rollout of an older build was ever completed/);
    expect(JSON.parse((await otter('firmware', 'block', '4.0.0', '--dry-run', '--json')).stdout)).toMatchObject({
      devices_running: 1,
      goes_to: [],
      stays: [{ reason: 'blocked_without_prior_stable', devices: 1, examples: [device] }],
    });
    const blocked = await otter('firmware', 'block', '4.0.0', '--yes', '--reason', 'too warm');
    expect(blocked).toMatchObject({ exitCode: 0 });
    expect(blocked.stdout).toMatch(/1 device runs it and stays on it/);
    expect((await otter('audit')).stdout).toMatch(/firmware\.block/);
    expect(JSON.parse((await otter('status', '--json')).stdout)).toMatchObject({ devices: { total: 1 } });
  });

  test('a build that failed on a board is cleared there, and both commands say what it takes', async () => {
    const device = mac(78);
    const offer = async (more = {}) =>
      server.checkIn(device, '4.9.0', { chip: 'esp32', library: 'OtterOTA 0.1.0', ...more });
    await offer();
    await otter('firmware', 'add', await file('known-bad.bin', imageOf('5.0.0')));
    for (const command of [
      ['device', 'label', device, 'pilot', '--yes'],
      ['firmware', 'ready', '5.0.0'],
      ['rollout', 'create', '--firmware', '5.0.0'],
      ['rollout', 'start', '5.0.0'],
    ])
      expect(await otter(...command), command.join(' ')).toMatchObject({ exitCode: 0 });
    const { assignment_id } = await offer();
    await server.device('report-status', {
      mac: device,
      assignment_id,
      sequence: 1,
      status: 'rolled_back',
      error_code: 'crash',
    });
    const retried = await otter('rollout', 'retry', '5.0.0', '--yes');
    expect(retried.stdout).toMatch(/nothing to forgive/);
    expect(retried.stdout).toMatch(new RegExp(`stays known bad on 1 device \\(1 by crash\\): ${device}`));
    const cleared = await otter('device', 'clear-known-bad', device);
    expect(cleared).toMatchObject({ exitCode: 0, stderr: '' });
    expect(cleared.stdout).toMatch(/default 5\.0\.0: failed once, last error crash, was known bad/);
    expect(cleared.stdout).toMatch(/OtterOTA 0\.1\.0 .* refuses 5\.0\.0 .*cable.*newer version/);
    expect(await offer()).toMatchObject({ forgiven: true });
    expect((await otter('device', 'clear-known-bad', device)).stdout).toMatch(/no such build has failed/);
    expect(JSON.parse((await otter('device', 'clear-known-bad', device, '--json')).stdout)).toEqual({
      cleared: [],
      builds: [],
    });
    await otter('rollout', 'abort', '5.0.0', '--yes');
  });

  test('a device and a firmware are removed when asked twice, and the audit is verified', async () => {
    const device = mac(79);
    await server.checkIn(device, '6.0.0');
    await otter('firmware', 'add', await file('removed.bin', imageOf('6.0.0')));
    const asked = await otter('device', 'remove', device);
    expect(asked, 'without a terminal').toMatchObject({ exitCode: 2 });
    expect(asked.stderr).toMatch(/default 6\.0\.0.*0 assignments and no label.*--yes/s);
    const needed = await otter('firmware', 'remove', '6.0.0', '--yes');
    expect(needed).toMatchObject({ exitCode: 6 });
    expect(needed.stderr).toMatch(/1 device runs it.*otter device list --product default --version 6\.0\.0/s);
    const removed = await otter('device', 'remove', device, '--yes');
    expect(removed).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse((await otter('firmware', 'remove', '6.0.0', '--yes', '--json')).stdout)).toMatchObject({
      version: '6.0.0',
      rollouts: [],
      images: [{ chip: 'esp32' }],
    });
    expect(await otter('audit', 'verify')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/the audit is intact/),
    });
    const raw = await openRaw(server, { writes: true });
    await raw.query(`delete from audit where action = 'firmware.remove'`);
    await raw.close();
    const broken = await otter('audit', 'verify');
    expect(broken).toMatchObject({ exitCode: 6, stdout: expect.stringMatching(/entry \d+ was removed/) });
    const json = await otter('audit', 'verify', '--json');
    expect(json.exitCode).toBe(6);
    expect(JSON.parse(json.stdout)).toMatchObject({ intact: false, fault_count: 1 });
  }, 90_000);

  test('plans are listed and shown', async () => {
    expect((await otter('plan', 'list')).stdout).toMatch(/default.*pilot, expand/);
    expect((await otter('plan', 'show', 'careful')).stdout).toMatch(
      /few.*general.*5 %.*auto.*20 confirmed, at most 2 % failed/,
    );
    expect(JSON.parse((await otter('plan', 'show', 'default', '--json')).stdout)).toMatchObject({ name: 'default' });
    expect(await otter('plan', 'show', 'nowhere')).toMatchObject({ exitCode: 3 });
  });

  describe('the telemetry of a device', () => {
    test('is a row for each hour, without the columns that nothing was said of', async () => {
      const device = mac(72);
      const measured = { free_heap_bytes: 186_368, boot: { state: 'confirmed', uptime_s: 9 } };
      await server.checkIn(device, '1.0.0', measured);
      await server.checkIn(device, '1.0.0', { ...measured, free_heap_bytes: 122_880 });
      const table = await otter('device', 'telemetry', device.toUpperCase());
      expect(table).toMatchObject({ exitCode: 0, stderr: '' });
      const [head = '', row = '', ...rest] = table.stdout.trimEnd().split('\n');
      expect(head.split(/ {2,}/)).toEqual(['hour', 'checks', 'free heap, least (KiB)', 'restarts', 'crashes']);
      expect(row.split(/ {2,}/)).toEqual([localMinute('2026-11-23T10:00:00.000Z'), '2', '151, 120', '0', '0']);
      expect(rest).toEqual([]);
      const json = await otter('device', 'telemetry', device, '--json');
      expect(JSON.parse(json.stdout)).toMatchObject({ mac: device, hours: [{ checks: 2, heap_min_bytes: 122_880 }] });
    });
  });

  describe('a plan of a file', () => {
    test('is made from one that is shown, listed with its source, and removed', async () => {
      const shown = JSON.parse((await otter('plan', 'show', 'careful', '--json')).stdout);
      const path = await file('mine.json', Buffer.from(JSON.stringify({ ...shown, name: 'mine' })));
      const set = await otter('plan', 'set', path);
      expect(set).toMatchObject({ exitCode: 0, stderr: '' });
      expect(set.stdout).toMatch(/few.*general.*5 %/);
      const { stdout } = await otter('plan', 'list');
      expect(stdout).toMatch(/careful +built in/);
      expect(stdout).toMatch(/mine +api +pilot, few, some, everyone/);
      expect(await otter('plan', 'remove', 'mine')).toMatchObject({ exitCode: 2 });
      expect(await otter('plan', 'remove', 'mine', '--yes')).toMatchObject({
        exitCode: 0,
        stdout: 'plan mine removed\n',
      });
      expect(await otter('plan', 'show', 'mine')).toMatchObject({ exitCode: 3 });
    });

    const stage = { name: 'all', label: 'general', percentage: 100, promotion: 'manual' };
    test.each([
      ['is no JSON', '{"name": ', 3, /is not JSON: /],
      ['is a list', '[]', 3, /is not a JSON object/],
      ['has no name', '{"stages": []}', 3, /has no name/],
      ['has a name of the server', JSON.stringify({ name: 'careful', stages: [stage] }), 6, /careful is built in/],
      ['has an invalid name', JSON.stringify({ name: 'Mine', stages: [stage] }), 3, /name "Mine" is invalid/],
      ['has an unknown member', JSON.stringify({ name: 'mine', stages: [stage], gates: 1 }), 3, /no field "gates"/],
      [
        'has a wrong value',
        JSON.stringify({ name: 'mine', stages: [{ ...stage, percentage: 0 }] }),
        3,
        /stages\.0\.percent/,
      ],
    ])('that %s is refused', async (_, text, exitCode, said) => {
      const run = await otter('plan', 'set', await file('wrong.json', Buffer.from(text)));
      expect(run.exitCode).toBe(exitCode);
      expect(run.stderr).toMatch(said);
    });
  });

  test('a draft is previewed, and a label that touches the started rollout needs a yes', async () => {
    const [own, other] = [mac(81), mac(82)];
    for (const device of [own, other]) await server.checkIn(device, '0.9.0', { chip: 'esp32' });
    await server.admin('uploadFirmware', { query: { version: '6.0.0' }, body: imageOf('6.0.0') });
    await otter('rollout', 'create', '--firmware', '6.0.0', '--name', 'spring', '--plan', 'careful', '--pilot', 'desk');
    const preview = async () => otter('rollout', 'preview', 'spring');
    const first = (await preview()).stdout;
    expect(first).toMatch(/spring +default 6\.0\.0 +draft/);
    expect(first).toMatch(/note: firmware default 6\.0\.0 is not marked pilot ready/);
    expect(first).toMatch(/note: stage pilot takes nobody: .* has label desk: otter device label MAC desk/);
    expect(await otter('device', 'label', own, 'desk')).toMatchObject({ exitCode: 0 });
    expect((await preview()).stdout).toMatch(new RegExp(`pilot +desk +to come +1 +0 +${own}`));
    const listed = await otter('rollout', 'preview', 'spring', '--stage', 'pilot', '--json');
    expect(JSON.parse(listed.stdout)).toEqual({ items: [own], next_cursor: null });
    expect(await otter('rollout', 'preview', 'spring', '--stage', 'nowhere')).toMatchObject({ exitCode: 3 });

    await otter('firmware', 'ready', '6.0.0');
    await otter('rollout', 'start', 'spring');
    for (const change of [
      ['device', 'label', other, 'desk'],
      ['device', 'unlabel', own, 'desk'],
    ]) {
      const run = await otter(...change);
      expect(run).toMatchObject({ exitCode: 2, stdout: '' });
      expect(run.stderr).toMatch(/label desk is stage pilot of rollout spring \(running\): .* would (join|leave) it/);
      expect(run.stderr).toMatch(/add --yes/);
      expect(await otter(...change, '--yes')).toMatchObject({ exitCode: 0 });
    }
    expect((await otter('label', 'delete', 'desk')).exitCode).toBe(2);
    expect(await otter('label', 'delete', 'desk', '--yes')).toMatchObject({
      exitCode: 0,
      stdout: 'label desk deleted and removed from 1 devices\n',
    });
    expect(await otter('rollout', 'retry', 'spring')).toMatchObject({ exitCode: 2 });
    expect((await otter('rollout', 'retry', 'spring', '--yes')).stdout).toMatch(/nothing to forgive/);
    await server.admin('abortRollout', { params: { name: 'spring' }, body: {} });
  });

  test('a device is shown with its id, and is meant by it', async () => {
    const own = mac(79);
    await server.checkIn(own, '0.9.0');
    const { device } = JSON.parse((await otter('device', 'show', own, '--json')).stdout);
    const byId = await otter('device', 'show', device.id);
    expect(byId).toMatchObject({ exitCode: 0, stdout: (await otter('device', 'show', own)).stdout });
    expect(byId.stdout).toMatch(new RegExp(`id +${device.id}\\n.*mac +${own}`));
    expect((await otter('device', 'label', device.id, 'shelf', '--yes')).stdout).toMatch(/has label shelf/);
    const gone = await otter('device', 'show', 'dev-999999');
    expect(gone).toMatchObject({ exitCode: 3, stdout: '' });
    expect(gone.stderr).toContain('no device dev-999999 has checked in yet');
  });

  test('a rollout that a gate halted says so, and is left with a reason', async () => {
    const device = mac(78);
    await server.checkIn(device, '0.9.0', { chip: 'esp32' });
    await server.admin('labelDevice', { params: { device, name: 'gated' } });
    await server.admin('uploadFirmware', { query: { version: '5.0.0', pilot_ready: 'true' }, body: imageOf('5.0.0') });
    const created = await otter('rollout', 'create', '--firmware', '5.0.0', '--plan', 'careful', '--pilot', 'gated');
    expect(created.stdout).toMatch(/5\.0\.0-careful is a draft/);
    await server.admin('startRollout', { params: { name: '5.0.0-careful' }, body: {} });
    expect((await otter('rollout', 'show', '5.0.0-careful')).stdout).toMatch(/gate of pilot: waiting: 0 of 1 healthy/);
    const { assignment_id } = await server.checkIn(device, '0.9.0');
    await server.device('report-status', { mac: device, assignment_id, sequence: 1, status: 'downloading' });
    await server.checkIn(device, '5.0.0', { boot: { state: 'trial' } });
    await server.checkIn(device, '0.9.0', { boot: { state: 'confirmed', reason: 'panic' } });
    const shown = (await otter('rollout', 'show', '5.0.0-careful', '--watch')).stdout;
    expect(shown).toMatch(/halted/);
    expect((await otter('status')).stdout).toMatch(/needs you: rollout 5\.0\.0-careful is halted/);
    expect((await otter('rollout', 'resume', '5.0.0-careful')).stderr).toMatch(/1 failed, at most 0 may/);
    expect(await otter('rollout', 'resume', '5.0.0-careful', '--reason', 'a bad board')).toMatchObject({ exitCode: 0 });
    await server.admin('abortRollout', { params: { name: '5.0.0-careful' }, body: {} });
  });
});

/** A flash image: bootloader in front, partition table at 0x8000. */
function merged(): Buffer {
  const flash = Buffer.alloc(0x10000 + 4_096, 0xff);
  buildEspImage({
    chipId: 0,
    descriptor: 'none',
    segments: [{ loadAddress: 0x40078000, data: Buffer.alloc(1_024, 1) }],
  }).copy(flash, 0x1000);
  flash.set([0xaa, 0x50, 1, 2], 0x8000);
  imageOf('1.0.0').copy(flash, 0x10000);
  return flash;
}

/** An Arduino build without marker: its descriptor speaks of the SDK. */
function bare(): Buffer {
  return buildEspImage({ chipId: 0, descriptor: { version: 'esp-idf: v5.5.5', projectName: 'arduino-lib-builder' } });
}

/** Passes bytes on to the server, 64 KiB every 100 ms, and says when the body is under way. */
async function slowProxy(target: TestServer): Promise<Server> {
  const proxy = createServer((client) => {
    const upstream = connect(Number(target.url.port), '127.0.0.1');
    upstream.pipe(client);
    let passed = 0;
    client.on('data', (chunk) => {
      passed += chunk.length;
      upstream.write(chunk);
      if (passed < 200_000) return;
      proxy.emit('flowing');
      client.pause();
      setTimeout(() => client.resume(), 500);
    });
    client.on('close', () => upstream.destroy());
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return proxy;
}
