// docs/signing.md walked through by its own commands, against a real server: begin, every day, another key, and a key that is lost, stolen
// or whose signatures have expired. The key files are opened with fewer rounds of scrypt than people's.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKeyFiles } from '#cli/signing/key-file.ts';
import { formatPin } from '#protocol/pinned-https.ts';
import { readDocument } from '../docs/markdown.ts';
import { buildEspImage } from '../support/esp-image-builder.ts';
import { runOtter } from '../support/otter-command.ts';
import { ProductLine } from '../support/product-line.ts';
import { startTestServer, type TestServer } from '../support/server/server.ts';

const PASSPHRASE = 'four random words here';

let server: TestServer;
let home: string;
const ids: Record<string, string> = {};
beforeAll(async () => {
  server = await startTestServer();
  // Signatures are dated by the clock of this computer.
  server.clock.nowMs = Date.now();
  home = await mkdtemp(path.join(tmpdir(), 'otter-story-'));
  for (const made of await createKeyFiles(home, ['release', 'backup', 'next'], PASSPHRASE, { scryptLogN: 10 }))
    ids[made.name] = made.key_id;
});
afterAll(async () => {
  await server.end();
  await rm(home, { recursive: true });
});

async function otter(...args: readonly string[]) {
  const env = {
    OTTER_SERVER: server.url.origin,
    OTTER_TOKEN: server.adminToken,
    OTTER_PIN: formatPin(server.pin),
    OTTER_KEY_PASSPHRASE: PASSPHRASE,
  };
  return runOtter(home, args, { env });
}

/** Must succeed. */
async function run(...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await otter(...args);
  if (exitCode !== 0) throw new Error(`otter ${args.join(' ')}: ${exitCode}\n${stdout}${stderr}`);
  return stdout;
}

/** A file with a build that says its own name. */
async function build(line: ProductLine, version: string): Promise<string> {
  const name = `${line.product}-${version}.bin`;
  const marker = { product: line.product, version };
  await writeFile(
    path.join(home, name),
    buildEspImage({ chipId: 0, descriptor: { version, projectName: line.product }, marker }),
  );
  return name;
}

/** Uploads it and rolls it out to everybody. */
async function release(line: ProductLine, version: string, ...more: readonly string[]): Promise<void> {
  await run('firmware', 'add', await build(line, version), '--ready', ...more);
  await line.rollOut(version, 'complete');
}

const keysOf = (...names: readonly string[]) => ({ release_keys: names.map((name) => ids[name]) });

test('begin: builds that are there are signed first, then the server takes nothing else', async () => {
  const line = new ProductLine(server);
  await line.makeStable('1.0.0');
  await line.makeStable('1.1.0');
  const mac = await line.newDevice('1.0.0');
  const asked = await otter('key', 'trust', 'release.pub', '--product', line.product);
  expect(asked).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/stable[\s\S]*prior stable[\s\S]*--yes/) });
  expect(await run('key', 'list')).toContain('no release key is trusted');
  const trusted = await run('key', 'trust', 'release.pub', '--product', line.product, '--yes');
  expect(trusted).toContain('2 stored builds were signed');
  expect((await line.checkIn(mac, '1.0.0', keysOf('release'))).manifest).toMatchObject({
    version: '1.1.0',
    signatures: [{ key_id: ids['release'] }],
  });
  await release(line, '1.2.0');
  expect((await line.checkIn(mac, '1.0.0', keysOf('release'))).manifest).toMatchObject({ version: '1.2.0' });
  expect(await run('firmware', 'show', '1.2.0', '--product', line.product)).toContain(ids['release']);
});

test('a build is signed elsewhere and uploaded with its file; without one it is refused with what to do', async () => {
  const line = new ProductLine(server);
  await run('key', 'trust', 'release.pub', '--product', line.product);
  const name = await build(line, '1.0.0');
  await run('firmware', 'sign', name, '--expires', '365d');
  const uploaded = await otter('firmware', 'add', name);
  expect(uploaded).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(`${name}.otter-signature.json`) });
  const other = await build(line, '1.1.0');
  const unsigned = await runOtter(
    await mkdtemp(path.join(home, 'elsewhere-')),
    ['firmware', 'add', path.join(home, other)],
    {
      env: { OTTER_SERVER: server.url.origin, OTTER_TOKEN: server.adminToken, OTTER_PIN: formatPin(server.pin) },
    },
  );
  expect(unsigned).toMatchObject({
    exitCode: 6,
    stderr: expect.stringMatching(/not signed[\s\S]*--key release\.key\.age/),
  });
  // Signed for another build under the same name of a file.
  await writeFile(
    path.join(home, name),
    buildEspImage({ chipId: 0, marker: { product: line.product, version: '1.0.1' } }),
  );
  expect(await otter('firmware', 'add', name)).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining('signs other bytes'),
  });
});

describe('another key', () => {
  test('move: two releases are the bridge, and the list says when the old key may go', async () => {
    const line = new ProductLine(server);
    const product = ['--product', line.product];
    await run('key', 'trust', 'release.pub', ...product);
    await release(line, '1.0.0');
    const mac = await line.newDevice('1.0.0');
    await line.checkIn(mac, '1.0.0', keysOf('release'));
    await run('key', 'trust', 'backup.pub', ...product);
    await release(line, '1.1.0', '--key', 'release.key.age', 'backup.key.age');
    await release(line, '1.2.0', '--key', 'backup.key.age');
    const early = await otter('key', 'retire', ids['release'] ?? '', ...product);
    expect(early).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('1 board knows no other trusted key') });
    expect((await line.checkIn(mac, '1.0.0', keysOf('release'))).manifest).toMatchObject({ version: '1.1.0' });
    await line.update(mac, '1.0.0', '1.1.0');
    expect((await line.checkIn(mac, '1.1.0', keysOf('backup', 'next'))).manifest).toMatchObject({ version: '1.2.0' });
    expect(await run('key', 'retire', ids['release'] ?? '', ...product)).toContain('is retired');
  });

  test('lost: the backup key takes over', async () => {
    const line = new ProductLine(server);
    const product = ['--product', line.product];
    await run('key', 'trust', 'release.pub', ...product);
    await release(line, '1.0.0');
    const mac = await line.newDevice('1.0.0');
    await line.checkIn(mac, '1.0.0', keysOf('release', 'backup'));
    // From here on without release.key.age.
    await run('key', 'trust', 'backup.pub', ...product);
    await release(line, '1.1.0', '--key', 'backup.key.age');
    expect((await line.checkIn(mac, '1.0.0', keysOf('release', 'backup'))).manifest).toMatchObject({
      version: '1.1.0',
    });
    await line.update(mac, '1.0.0', '1.1.0');
    await line.checkIn(mac, '1.1.0', keysOf('backup', 'next'));
    await release(line, '1.2.0', '--key', 'backup.key.age');
    expect(await run('key', 'retire', ids['release'] ?? '', ...product, '--reason', 'lost')).toContain('is retired');
  });

  test('stolen: what boards need is signed anew, the key is retired by force, and what it signs is worth nothing', async () => {
    const line = new ProductLine(server);
    const product = ['--product', line.product];
    await run('key', 'trust', 'release.pub', ...product);
    await release(line, '1.0.0');
    await release(line, '1.1.0');
    const mac = await line.newDevice('1.0.0');
    await line.checkIn(mac, '1.0.0', keysOf('release', 'backup'));
    await run('key', 'trust', 'backup.pub', ...product, '--key', 'backup.key.age');
    for (const version of ['1.1.0', '1.0.0'])
      await run('firmware', 'sign', version, '--stored', ...product, '--key', 'backup.key.age', '--yes');
    await run('key', 'retire', ids['release'] ?? '', ...product, '--force', '--reason', 'stolen', '--yes');
    expect((await line.checkIn(mac, '1.0.0', keysOf('release', 'backup'))).manifest).toMatchObject({
      version: '1.1.0',
    });
    const bad = await otter('firmware', 'add', await build(line, '6.6.6'), '--ready', '--key', 'release.key.age');
    expect(bad).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('is not trusted') });
    await release(line, '1.2.0', '--key', 'backup.key.age');
    expect((await line.checkIn(mac, '1.0.0', keysOf('release', 'backup'))).manifest).toMatchObject({
      version: '1.2.0',
    });
    const listed = JSON.parse(await run('key', 'list', '--json')).items;
    expect(listed).toContainEqual(
      expect.objectContaining({ key_id: ids['release'], product: line.product, retired_reason: 'stolen' }),
    );
  });

  test('expired: signed anew, boards are offered the build again', async () => {
    const line = new ProductLine(server);
    const product = ['--product', line.product];
    await run('key', 'trust', 'release.pub', ...product);
    await release(line, '1.0.0');
    await release(line, '1.1.0', '--expires', '1d');
    const mac = await line.newDevice('1.0.0');
    const now = server.clock.nowMs;
    server.clock.advance(2 * 86_400);
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ reason: 'signature_expired' });
    await run('firmware', 'sign', '1.1.0', '--stored', ...product, '--expires', '365d', '--yes');
    expect(await line.checkIn(mac, '1.0.0')).toMatchObject({ update_available: true });
    server.clock.nowMs = now;
  });
});

test('docs/signing.md names no command that is not walked through here or in signing.test.ts', () => {
  const commands = [...readDocument('docs/signing.md').matchAll(/npx otter ((?:key|firmware) [a-z]+)/g)].map(
    ([, name]) => name,
  );
  // `firmware require` is walked through in tests/server/rollouts/required-versions.test.ts.
  const walked = [
    'key create',
    'key trust',
    'key list',
    'key retire',
    'firmware add',
    'firmware sign',
    'firmware show',
    'firmware require',
  ];
  expect(new Set(commands)).toEqual(new Set(walked));
});
