// Release keys and signatures on the computer of an operator: `otter key create` and `otter firmware sign`, without a server.

import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKeyFiles, openKeyFile, readPublicKeyFile } from '#cli/signing/key-file.ts';
import { readExpiry } from '#cli/signing/sign.ts';
import { canonicalTextOf } from '#protocol/device/canonical-text.ts';
import { isSignedBy, readReleaseKey } from '#protocol/device/release-key.ts';
import { buildEspImage } from '../support/esp-image-builder.ts';
import { runOtter } from '../support/otter-command.ts';
import { hasScript, typeOnTerminal } from '../support/typed-command.ts';

const PASSPHRASE = 'four random words here';
const env = { OTTER_KEY_PASSPHRASE: PASSPHRASE };
const image = buildEspImage({
  chipId: 0,
  descriptor: { secureVersion: 2 },
  marker: { product: 'boiler', version: '1.4.0' },
});

let home: string;
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'otter-signing-'));
  await createKeyFiles(home, ['release', 'backup'], PASSPHRASE, { scryptLogN: 10 });
});
afterAll(async () => rm(home, { recursive: true, force: true }));

const at = (name: string): string => path.join(home, name);

/** A build of its own file, so that tests do not meet. */
async function build(name: string, bytes: Buffer = image): Promise<string> {
  await writeFile(at(name), bytes);
  return name;
}

describe('a release key', () => {
  test('is made with its backup: secrets that only this person reads, in the age format with 2^18 rounds of scrypt', async () => {
    expect(await runOtter(home, ['key', 'create', '--folder', 'made'], { env })).toMatchObject({ exitCode: 0 });
    const modes = ['release.key.age', 'backup.key.age', 'release.pub', 'backup.pub'].map(async (name) => {
      const { mode } = await stat(at(`made/${name}`));
      return (mode & 0o777).toString(8);
    });
    expect(await Promise.all(modes)).toEqual(['600', '600', '644', '644']);
    expect((await readPublicKeyFile(at('made/release.pub'))).keyId).not.toBe(
      (await readPublicKeyFile(at('made/backup.pub'))).keyId,
    );
    const text = await readFile(at('made/release.key.age'), 'utf8');
    const binary = Buffer.from(text.split('\n').slice(1, -2).join(''), 'base64').toString('latin1');
    expect(binary).toMatch(/^age-encryption\.org\/v1\n-> scrypt \S+ 18\n/);
    expect(text + binary).not.toContain('PRIVATE');
  });

  test('is never made over another, nor half of a pair', async () => {
    const before = await readFile(at('release.key.age'), 'utf8');
    const run = await runOtter(home, ['key', 'create'], { env });
    expect(run).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('already there') });
    expect(await readFile(at('release.key.age'), 'utf8')).toBe(before);
    await writeFile(at('half.pub'), 'taken');
    expect(await runOtter(home, ['key', 'create', 'half'], { env })).toMatchObject({ exitCode: 3 });
    expect(await readdir(home)).not.toContain('half.key.age');
  });

  test('needs a passphrase that is not short, and says where it comes from', async () => {
    const short = await runOtter(home, ['key', 'create', 'short'], { env: { OTTER_KEY_PASSPHRASE: 'short' } });
    expect(short).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('at least 10') });
    const none = await runOtter(home, ['key', 'create', 'none']);
    expect(none).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--passphrase-file') });
    expect(await readdir(home)).not.toContain('short.key.age');
  });

  test('opens with its passphrase alone, not where others can read it, and not as another file', async () => {
    const { releaseKey } = await openKeyFile(at('release.key.age'), PASSPHRASE);
    expect(releaseKey.keyId).toBe((await readPublicKeyFile(at('release.pub'))).keyId);
    await expect(openKeyFile(at('release.key.age'), 'four random words her')).rejects.toMatchObject({
      code: 'key_locked',
    });
    await writeFile(at('open.key.age'), await readFile(at('release.key.age')));
    await chmod(at('open.key.age'), 0o644);
    await expect(openKeyFile(at('open.key.age'), PASSPHRASE)).rejects.toMatchObject({ code: 'key_file_exposed' });
    await writeFile(at('wrong.key.age'), 'nothing of the kind', { mode: 0o600 });
    await expect(openKeyFile(at('wrong.key.age'), PASSPHRASE)).rejects.toMatchObject({ code: 'file_invalid' });
    await expect(readPublicKeyFile(at('release.key.age'))).rejects.toMatchObject({ code: 'file_invalid' });
  });

  test.skipIf(!hasScript())('asks for its passphrase twice, and shows nothing of what is typed', async () => {
    const answers = [
      ['Passphrase for the new key', 'typed in the dark\n'],
      ['once more:', 'typed in the dark\n'],
    ] as const;
    const shown = await typeOnTerminal(home, answers, ['key', 'create', 'typed']);
    expect(shown).not.toContain('in the dark');
    expect(await readdir(home)).toContain('typed.key.age');
  });
});

describe('a build', () => {
  test('is signed without a server: what its file says, and a signature that holds', async () => {
    const name = await build('first.bin');
    const run = await runOtter(home, ['firmware', 'sign', name, '--json'], { env });
    expect(run.exitCode).toBe(0);
    const { signed } = JSON.parse(run.stdout);
    expect(signed).toMatchObject({
      product: 'boiler',
      version: '1.4.0',
      chip: 'esp32',
      security_version: 2,
      size_bytes: image.length,
      expires_at: '-',
    });
    const key = readReleaseKey(await readFile(at('release.pub'), 'utf8'));
    const text = canonicalTextOf(signed) ?? '';
    expect(signed.signatures).toHaveLength(1);
    expect(key !== undefined && isSignedBy(key, text, signed.signatures[0].signature)).toBe(true);
    expect(JSON.parse(await readFile(at('first.bin.otter-signature.json'), 'utf8'))).toEqual(signed);
  });

  test('is signed by a second person over the same text; another expiry begins anew', async () => {
    const name = await build('second.bin');
    const sign = async (...options: readonly string[]) => {
      const run = await runOtter(home, ['firmware', 'sign', name, '--json', ...options], { env });
      return JSON.parse(run.stdout).signed;
    };
    const first = await sign('--key', 'release.key.age', '--expires', '30d');
    const both = await sign('--key', 'backup.key.age');
    expect(both).toMatchObject({ created_at: first.created_at, expires_at: first.expires_at });
    expect(both.signatures).toHaveLength(2);
    expect(both.signatures[0]).toEqual(first.signatures[0]);
    expect((await sign('--expires', 'never')).signatures).toHaveLength(1);
    expect((await sign('--key', 'release.key.age', 'backup.key.age', '--expires', '30d')).signatures).toHaveLength(2);
  });

  test('that was built anew is signed anew', async () => {
    const name = await build('third.bin');
    await runOtter(home, ['firmware', 'sign', name], { env });
    const rebuilt = buildEspImage({ chipId: 0, marker: { product: 'boiler', version: '1.4.1' } });
    await build('third.bin', rebuilt);
    const run = await runOtter(home, ['firmware', 'sign', name, '--json'], { env });
    expect(JSON.parse(run.stdout).signed).toMatchObject({ version: '1.4.1', size_bytes: rebuilt.length });
  });

  test('needs a key, and a name that an upload would take', async () => {
    const elsewhere = await mkdtemp(path.join(tmpdir(), 'otter-nokey-'));
    await writeFile(path.join(elsewhere, 'build.bin'), image);
    const run = await runOtter(elsewhere, ['firmware', 'sign', 'build.bin'], { env });
    expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('otter key create') });
    await rm(elsewhere, { recursive: true });
    const name = await build('nameless.bin', buildEspImage({ chipId: 0 }));
    expect(await runOtter(home, ['firmware', 'sign', name, '--version', 'one'], { env })).toMatchObject({
      exitCode: 3,
    });
    expect(await readdir(home)).not.toContain('nameless.bin.otter-signature.json');
  });
});

test('D38: an expiry is a number of days, a day, an instant or never, and lies ahead', () => {
  const nowMs = Date.UTC(2026, 10, 30, 12);
  expect(readExpiry(undefined, nowMs)).toBe('-');
  expect(readExpiry('never', nowMs)).toBe('-');
  expect(readExpiry('365d', nowMs)).toBe('2027-11-30T12:00:00Z');
  expect(readExpiry('2027-11-30', nowMs)).toBe('2027-11-30T00:00:00Z');
  expect(readExpiry('2027-11-30T06:00:00Z', nowMs)).toBe('2027-11-30T06:00:00Z');
  for (const wrong of ['0d', '2026-11-30', '2027-02-30', 'tomorrow', '1y', '2027-11-30T06:00:00'])
    expect(() => readExpiry(wrong, nowMs)).toThrow(expect.objectContaining({ code: 'argument_invalid' }));
});
