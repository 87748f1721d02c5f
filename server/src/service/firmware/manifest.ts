// The manifest of an image: the same fields in the store, in every offer and at its own address. Only an offer has its
// release notes cut, because a board reads the whole answer into a fixed buffer.

import { MAX_OFFER_NOTES_CHARS, OFFER_NOTES_CHARS_OF_SIGNATURE } from '#protocol/limits.ts';
import { toSignedInstant } from '#protocol/device/canonical-text.ts';
import { MANIFEST_FORMAT, type Manifest } from '#protocol/device/manifest.ts';
import type { StoredSignatures } from '#server/db/firmware/signatures.ts';

export interface ManifestFacts {
  readonly product: string;
  readonly version: string;
  readonly releaseNotes: string;
  readonly securityVersion: number;
  readonly image: {
    readonly chip: string;
    readonly sizeBytes: number;
    readonly sha256: string;
    readonly elfSha256: string | undefined;
    readonly createdAtMs: number;
    /** Undefined: nobody signed it. */
    readonly signatures: StoredSignatures | undefined;
  };
}

export function manifestOf(facts: ManifestFacts): Manifest {
  const { image } = facts;
  return {
    format: MANIFEST_FORMAT,
    product: facts.product,
    version: facts.version,
    chip: image.chip,
    size_bytes: image.sizeBytes,
    sha256: image.sha256,
    security_version: facts.securityVersion,
    created_at: image.signatures?.created_at ?? toSignedInstant(image.createdAtMs),
    ...(image.elfSha256 === undefined ? {} : { elf_sha256: image.elfSha256 }),
    release_notes: facts.releaseNotes,
    ...(image.signatures === undefined ? {} : signedOf(image.signatures)),
  };
}

/** The dates are those that were signed. */
function signedOf({ expires_at, signatures }: StoredSignatures): Pick<Manifest, 'expires_at' | 'signatures'> {
  return { expires_at, signatures: [...signatures] };
}

/**
 * The same for an offer at `nowMs`. A board compares the date with that of the answer and refuses what comes from the future: where the
 * clock of the server is behind that of the upload, an offer that nobody signed is as old as the answer.
 */
export function offeredManifestOf(facts: ManifestFacts, nowMs: number): Manifest {
  const { image, releaseNotes } = facts;
  return manifestOf({
    ...facts,
    image: { ...image, createdAtMs: Math.min(image.createdAtMs, nowMs) },
    releaseNotes: firstCodePoints(releaseNotes, notesCharsOf(image.signatures)),
  });
}

function notesCharsOf(signatures: StoredSignatures | undefined): number {
  return MAX_OFFER_NOTES_CHARS - (signatures?.signatures.length ?? 0) * OFFER_NOTES_CHARS_OF_SIGNATURE;
}

/** Never ends in half a surrogate pair. */
function firstCodePoints(text: string, count: number): string {
  if (text.length <= count) return text;
  // A code point has at most two units, so the first ones are all in here, and the split looks at no more than that.
  return Array.from(text.slice(0, 2 * count))
    .slice(0, count)
    .join('');
}
