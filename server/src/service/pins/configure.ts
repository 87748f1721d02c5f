// Takes a configuration that an operator signed elsewhere. It changes what boards trust, so everything about it is checked here that can
// be: a board would refuse the rest and say so, one by one.

import { type Configuration, configurationTextOf } from '#protocol/device/configuration.ts';
import { isSignedBy, readReleaseKey } from '#protocol/device/release-key.ts';
import { OtterError } from '#protocol/errors.ts';
import type { Pins } from '#protocol/admin/fleet/pins.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { raiseRevision } from '#server/db/firmware/catalog.ts';
import { loadConfigurations, saveConfiguration } from '#server/db/firmware/configurations.ts';
import type { ReleaseKeyRow } from '#server/db/firmware/release-keys.ts';
import type { Trx } from '#server/db/schema.ts';
import type { Deps } from '#server/service/deps.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import { listTrusted } from '#server/service/signatures/trusted.ts';
import { getPins } from './pins.ts';

/**
 * Boards of the product are sent it from now on. Repeating it changes nothing. Throws `configuration_invalid`, `key_untrusted`,
 * `signature_invalid`, `configuration_older`.
 */
export async function configurePins(
  deps: Deps,
  configuration: Configuration,
  by: Principal,
  nowMs: number,
): Promise<Pins> {
  const { product, sequence, pins, expires_at } = configuration;
  const text = configurationTextOf(configuration);
  if (text === undefined) throw invalid('a field is malformed');
  const live = `spki:${deps.settings.board.spkiPin}`;
  if (!pins.includes(live)) throw invalid(`the pin of this server, ${live}, is not among its pins`);
  await deps.database.write(async (trx) => {
    const trusted = await listTrusted(trx, product);
    checkSignatures(configuration, text, trusted);
    if (await isThere(trx, configuration, trusted)) return;
    await raiseRevision(trx);
    await saveConfiguration(trx, {
      product,
      configuration: JSON.stringify(configuration),
      sent_at_ms: nowMs,
      sent_by: actorOf(by),
    });
    await addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'pins.configure',
      subject: product,
      details: { sequence, pins: [...pins], expires_at, key_ids: configuration.signatures.map(({ key_id }) => key_id) },
    });
  });
  return getPins(deps);
}

/** Every signature counts for itself: one that is bad would be sent to boards for ever. */
function checkSignatures(
  { product, signatures }: Configuration,
  text: string,
  trusted: readonly ReleaseKeyRow[],
): void {
  if (trusted.length === 0)
    throw new OtterError(
      'key_untrusted',
      `no release key is trusted for product ${product}, so its boards take no configuration`,
      'their pins change with a build: put both pins of `otter board` into the sketch; or begin to sign: otter key trust FILE.pub',
    );
  for (const { key_id, signature } of signatures) {
    const row = trusted.find((one) => one.key_id === key_id);
    if (row === undefined)
      throw new OtterError(
        'key_untrusted',
        `release key ${key_id} is not trusted for product ${product}`,
        'otter key list',
      );
    const key = readReleaseKey(row.public_key);
    if (key !== undefined && isSignedBy(key, text, signature)) continue;
    throw new OtterError(
      'signature_invalid',
      `the signature of key ${key_id} is not one of this configuration`,
      'sign it again: otter cert rotate start',
    );
  }
}

async function isThere(trx: Trx, configuration: Configuration, trusted: readonly ReleaseKeyRow[]): Promise<boolean> {
  const before = (await loadConfigurations(trx, trusted)).get(configuration.product)?.configuration;
  if (before === undefined || configuration.sequence > before.sequence) return false;
  if (JSON.stringify(configuration) === JSON.stringify(before)) return true;
  throw new OtterError(
    'configuration_older',
    `configuration ${configuration.sequence} is not newer than ${before.sequence}, which boards of ${configuration.product} have`,
    'sign a new one: otter cert rotate start',
  );
}

function invalid(why: string): OtterError {
  return new OtterError(
    'configuration_invalid',
    `the configuration cannot be taken: ${why}`,
    'otter cert rotate start makes one',
  );
}
