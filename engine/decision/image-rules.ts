// Rules about the image itself, a part of the table in `rules.ts`: the hardware that it was built for, and who signed it. The signatures
// were verified when the catalog was loaded; what no trusted key signed counts as unsigned.

import { type Case, revisionsOf, revisionText, saysChip, version } from './case.ts';
import { type Rule, waitText } from './rule-shape.ts';
import { fitsRevision } from './target.ts';
import { isSignedFor } from '#engine/facts/signatures.ts';
import { DEFAULT_PRODUCT } from '#protocol/words.ts';

export const HARDWARE_RULES = [
  {
    id: 'chip_revision',
    outcome: 'hold',
    when: 'the image is for other revisions of the chip than that of the device, whose bootloader would refuse it',
    matches: (c) => c.image !== undefined && !fitsRevision(c.image, c.facts.device.chipRevision),
    saw: (c) =>
      `revision ${revisionText(c.facts.device.chipRevision)} of ${saysChip(c)}; the image is for revisions ${revisionsOf(c.image)}`,
    change: (c) =>
      `an image of ${version(c)} for revision ${revisionText(c.facts.device.chipRevision)} of ${saysChip(c)} is uploaded and rolled out`,
  },
  {
    id: 'flash_too_small',
    outcome: 'hold',
    when: 'the image was built for more flash than the device has',
    matches: (c) =>
      c.facts.device.flashBytes !== undefined &&
      c.image?.flashBytes !== undefined &&
      !(c.image.flashBytes <= c.facts.device.flashBytes),
    saw: (c) =>
      `image for ${c.image?.flashBytes ?? 'any'} bytes of flash; the device has ${c.facts.device.flashBytes ?? 'not reported'}`,
    change: (c) => `a build for at most ${c.facts.device.flashBytes ?? 0} bytes of flash is rolled out`,
  },
] as const satisfies readonly Rule[];

export const SIGNATURE_RULES = [
  {
    id: 'unsigned',
    outcome: 'hold',
    when: 'a release key is trusted for the product, and no trusted key signed the image, or its signature does not hold any more',
    matches: (c) => !c.facts.takesUnsigned && c.image !== undefined && !(c.image.signedBy.length > 0),
    saw: (c) => (c.facts.takesUnsigned ? 'no release key is trusted for the product' : signedFacts(c)),
    change: (c) => `${version(c)} is signed: ${signCommand(c)}`,
  },
  {
    id: 'signature_expired',
    outcome: 'hold',
    when: 'the signature of the image has expired',
    matches: isExpired,
    saw: (c) =>
      c.image?.signatureEndsAtMs === undefined
        ? 'no expiry'
        : c.nowMs < c.image.signatureEndsAtMs
          ? `ends${waitText(c.image.signatureEndsAtMs, c.nowMs)}`
          : `ended ${Math.floor((c.nowMs - c.image.signatureEndsAtMs) / 60_000)} min ago`,
    change: (c) => `${version(c)} is signed anew: ${signCommand(c)} --expires 365d`,
  },
  {
    id: 'release_key_unknown',
    outcome: 'hold',
    when: 'the device knows release keys, and too few of them signed the image, so the device would refuse it',
    matches: (c) => c.image !== undefined && !isSignedFor(c.image, c.facts.device),
    saw: (c) => `${signedFacts(c)}; the device knows ${keysText(c)}`,
    change: (c) =>
      `${version(c)} is signed with a key that it knows (${signCommand(c)} --key FILE), or a stepping release that it takes brings it the new key (docs/signing.md)`,
  },
] as const satisfies readonly Rule[];

/** A preview asks at the end of all time; only what has expired by now keeps a device from a build. */
function isExpired({ image, nowMs }: Case): boolean {
  if (image?.signatureEndsAtMs === undefined || nowMs === Number.POSITIVE_INFINITY) return false;
  return !(nowMs < image.signatureEndsAtMs);
}

function signedFacts({ image }: Case): string {
  if (image === undefined) return 'no image';
  return image.signedBy.length === 0 ? 'no trusted key signed the image' : `signed by ${image.signedBy.join(', ')}`;
}

function keysText({ facts: { device } }: Case): string {
  if (device.releaseKeys === undefined) return 'it does not say';
  if (device.releaseKeys.length === 0) return 'none';
  const needs = device.signaturesNeeded > 1 ? `, and needs ${device.signaturesNeeded} of them` : '';
  return `${device.releaseKeys.join(', ')}${needs}`;
}

function signCommand({ target }: Case): string {
  const { product = DEFAULT_PRODUCT, version: of = 'VERSION' } = target?.firmware ?? {};
  return `otter firmware sign ${of} --stored${product === DEFAULT_PRODUCT ? '' : ` --product ${product}`}`;
}
