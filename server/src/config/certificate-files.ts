// The server's certificate and private key as the configuration names them: there, private, matching, strong enough.
// Dates only warn, because devices compare a pin and most have no clock.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import { type Static } from 'typebox';
import { OtterError } from '#protocol/errors.ts';
import { type Certificate, readCertificate } from '#server/certs/certificate.ts';
import { type Checked, errorAt, type Place, type Problem, warningAt } from '#server/config/yaml/problem.ts';
import { isOpenToOthers, readSmallFile } from '#server/config/yaml/read-file.ts';
import { type CertificateSection } from './server-schema.ts';
import { type Source } from '#server/config/yaml/yaml-document.ts';

export type CertificateConfig = {
  readonly certFile: string;
  readonly keyFile: string;
  readonly certPem: string;
  readonly keyPem: string;
};

/** Reads both files and judges them at `nowMs`. */
export function checkCertificate(
  section: Static<typeof CertificateSection>,
  home: string,
  source: Source,
  nowMs: number,
): Checked<CertificateConfig> {
  const certFile = resolve(home, section.cert);
  const keyFile = resolve(home, section.key);
  const certPlace = source.place(['certificate', 'cert']);
  const keyPlace = source.place(['certificate', 'key']);
  const cert = readSmallFile(certFile);
  const key = readSmallFile(keyFile);
  const problems: Problem[] = [];
  if (!cert.ok) problems.push(errorAt(certPlace, `the certificate ${certFile} ${cert.message}`, cert.hint));
  if (!key.ok) problems.push(errorAt(keyPlace, `the private key ${keyFile} ${key.message}`, key.hint));
  if (key.ok && isOpenToOthers(key.mode)) {
    problems.push(errorAt(keyPlace, `${keyFile} can be read by other users`, `run chmod 600 ${keyFile}`));
  }
  if (cert.ok) problems.push(...judgeCertificate(cert.text, certFile, certPlace, nowMs));
  if (cert.ok && key.ok) problems.push(...judgeKey(cert.text, key.text, keyFile, keyPlace));
  if (!cert.ok || !key.ok) return { value: undefined, problems };
  return { value: { certFile, keyFile, certPem: cert.text, keyPem: key.text }, problems };
}

function judgeCertificate(pem: string, file: string, place: Place, nowMs: number): readonly Problem[] {
  let certificate: Certificate;
  try {
    certificate = readCertificate(pem);
  } catch (error) {
    if (error instanceof OtterError) return [errorAt(place, `${file}: ${error.message}`, error.hint)];
    throw error;
  }
  if (certificate.weakness !== undefined) {
    const hint = 'use EC P-256, P-384 or RSA with 2048 bits and SHA-256; `otter init` in a new folder makes one';
    return [errorAt(place, `the certificate ${file} ${certificate.weakness}`, hint)];
  }
  const { notBeforeMs, notAfterMs } = certificate;
  if (notBeforeMs <= nowMs && nowMs <= notAfterMs) return [];
  if (nowMs < notBeforeMs) {
    const message = `the certificate ${file} is not valid before ${isoDay(notBeforeMs)}`;
    return [warningAt(place, message, 'check the clock of this machine')];
  }
  const hint = 'devices that compare the pin go on, browsers refuse: renew it with the same key, so that the pin stays';
  return [warningAt(place, `the certificate ${file} expired on ${isoDay(notAfterMs)}`, hint)];
}

function judgeKey(certPem: string, keyPem: string, file: string, place: Place): readonly Problem[] {
  let key;
  try {
    key = createPrivateKey(keyPem);
  } catch {
    const hint = 'it must begin with -----BEGIN PRIVATE KEY----- and have no passphrase';
    return [errorAt(place, `${file} is not a private key in PEM form`, hint)];
  }
  let certificate;
  try {
    certificate = new X509Certificate(certPem);
  } catch {
    return []; // said by judgeCertificate
  }
  if (certificate.checkPrivateKey(key)) return [];
  return [
    errorAt(place, `${file} does not belong to the certificate`, 'take the key that the certificate was made with'),
  ];
}

function isoDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
