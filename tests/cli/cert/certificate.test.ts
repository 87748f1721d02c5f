// `otter cert renew`: the key stays, and with it every pin; the server goes on with the new certificate.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readCertificate } from '#server/certs/certificate.ts';
import { issue } from '../../certs/issue.ts';
import { runOtter } from '../../support/otter-command.ts';
import { startTestServer } from '../../support/server/server.ts';

test('a renewed certificate has the same key, the names of the old one, and is shown after a restart', async () => {
  const server = await startTestServer();
  const file = join(server.home, 'data/certs/server.crt');
  const before = readCertificate(await readFile(file, 'utf8'));
  await server.stop();
  const run = await runOtter(server.home, ['cert', 'renew', '--years', '3', '--json', '--home', server.home]);
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  const after = readCertificate(await readFile(file, 'utf8'));
  expect(JSON.parse(run.stdout)).toMatchObject({ pin: `spki:${before.spkiPin}` });
  expect(after).toMatchObject({ spkiPin: before.spkiPin, issuer: undefined });
  expect(after.fingerprint256).not.toBe(before.fingerprint256);
  expect(after.hosts).toEqual(expect.arrayContaining([...before.hosts]));
  expect(after.notAfterMs - Date.now()).toBeLessThan(3.1 * 365 * 86_400_000);
  const again = await startTestServer({ like: server });
  // The client compares the pin of before.
  expect((await again.checkIn('24:6f:28:00:00:01', '1.0.0')).reason).toBe('nothing_to_offer');
  await again.end();
});

test('a key that Otter did not make is left alone, with its certificate', async () => {
  const server = await startTestServer();
  onTestFinished(async () => server.end());
  const { certPem, keyPem } = await issue({ key: 'P-384' });
  await writeFile(join(server.home, 'data/certs/server.crt'), certPem);
  await writeFile(join(server.home, 'data/certs/server.key'), keyPem, { mode: 0o600 });
  const run = await runOtter(server.home, ['cert', 'renew', '--home', server.home]);
  expect(run.exitCode).not.toBe(0);
  expect(run.stderr).toContain('ECDSA on P-256');
  expect(await readFile(join(server.home, 'data/certs/server.crt'), 'utf8')).toBe(certPem);
});
