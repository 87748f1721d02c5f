// What the configuration and the files of the home say, as the services want to know it.

import type { Config } from '#server/config/config.ts';
import { readCertificate } from '#server/certs/certificate.ts';
import { localHosts } from '#server/certs/self-signed.ts';
import { findBackupKey } from '#server/home/backup-key.ts';
import type { CredentialFacts } from '#server/service/access/credentials.ts';
import { digestOf } from '#server/service/access/sessions.ts';
import { boardHosts } from '#server/service/fleet/board-settings.ts';
import type { Settings } from '#server/service/settings.ts';

/** `port`: the one that is listened on, once it is. */
export function settingsOf(config: Config, port: () => number): Settings {
  const certificate = readCertificate(config.certificate.certPem);
  const hosts = () => boardHosts(config.host, certificate.hosts, localHosts());
  return {
    pollIntervalS: config.poll.intervalS,
    pollJitter: config.poll.jitterPct / 100,
    labelsFromHints: config.labelsFromHints,
    plans: config.plans,
    webhooks: config.webhooks,
    recipients: config.recipients,
    publicUrl: () => config.publicUrl ?? urlOf(hosts()[0] ?? 'localhost', port()),
    certificateEndsAtMs: certificate.notAfterMs,
    maxImageBytes: config.limits.maxImageBytes,
    maxDownloads: config.limits.maxDownloads,
    retention: config.retention,
    devices: config.devices,
    backupRemindMs: config.backupRemindMs,
    board: {
      fleetToken: config.tokens.fleet,
      spkiPin: certificate.spkiPin,
      backupPin: () => findBackupKey(config.home)?.pin,
      hosts,
    },
  };
}

function urlOf(host: string, port: number): URL {
  return new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`);
}

export function credentialFactsOf({ home, certificate, tokens }: Config): CredentialFacts {
  const { spkiPin, fingerprint256 } = readCertificate(certificate.certPem);
  return {
    pin: `spki:${spkiPin}`,
    certificate: fingerprint256,
    adminToken: digestOf(tokens.admin),
    fleetToken: digestOf(tokens.fleet),
    formerFleetToken: tokens.formerFleet === undefined ? undefined : digestOf(tokens.formerFleet),
    backupKey: () => findBackupKey(home),
  };
}
