// Signatures on their way from the computer of an operator to the server, and as the server keeps them: who signed, and the dates
// that stand in the text that they signed. The server compares each other field with what it knows of the image.

import { type Static, Type } from 'typebox';
import { MAX_SIGNATURES } from '#protocol/limits.ts';
import { MANIFEST_FORMAT, Manifest, Signature } from './manifest.ts';

const { product, version, chip, size_bytes, sha256, security_version, created_at } = Manifest.properties;

const signed = {
  created_at,
  expires_at: Type.String({ description: 'as `created_at`; `-`: never' }),
  signatures: Type.Array(Signature, { minItems: 1, maxItems: MAX_SIGNATURES }),
};

export const ManifestSignatures = Type.Object(signed);
export type ManifestSignatures = Static<typeof ManifestSignatures>;

/** The whole text that is signed, as the signature file beside an image has it. */
export const SignedManifest = Type.Object(
  {
    format: Type.Literal(MANIFEST_FORMAT),
    product,
    version,
    chip,
    size_bytes,
    sha256,
    security_version,
    ...signed,
  },
  { $id: 'SignedManifest', additionalProperties: false },
);
export type SignedManifest = Static<typeof SignedManifest>;
