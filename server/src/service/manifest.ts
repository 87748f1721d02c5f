// The manifest of an image: the same fields in the store, in every offer and at its own address.

import { MANIFEST_FORMAT, type Manifest } from '#protocol/manifest.ts';

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
    created_at: `${new Date(image.createdAtMs).toISOString().slice(0, 19)}Z`,
    ...(image.elfSha256 === undefined ? {} : { elf_sha256: image.elfSha256 }),
    release_notes: facts.releaseNotes,
  };
}
