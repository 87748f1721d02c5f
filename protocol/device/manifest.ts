// `manifest.json`: what is said of one image, stored beside it and sent with every offer, there with the release notes
// cut. Readers ignore members they do not know; they refuse doubled members and wrong types.

import { type Static, Type } from 'typebox';
import { MAX_IMAGE_BYTES, MAX_NOTES_CHARS, MAX_SIGNATURES } from '#protocol/limits.ts';
import { Chip, KeyId, MAX_SIGNATURE_CHARS, Name, Sha256, Version } from '#protocol/words.ts';

export const MANIFEST_FORMAT = 'otter-manifest/1';

export const Signature = Type.Object({
  key_id: KeyId,
  signature: Type.String({
    maxLength: MAX_SIGNATURE_CHARS,
    description: 'ECDSA P-256 with SHA-256 over the canonical text, in DER, base64',
  }),
});
export type Signature = Static<typeof Signature>;

export const Manifest = Type.Object(
  {
    format: Type.Literal(MANIFEST_FORMAT),
    product: Name,
    version: Version,
    chip: Chip,
    size_bytes: Type.Integer({ minimum: 1, maximum: MAX_IMAGE_BYTES }),
    sha256: Type.Unsafe<string>({ ...Sha256, description: 'SHA-256 of the whole image file' }),
    security_version: Type.Integer({
      minimum: 0,
      maximum: 4_294_967_295,
      description: '`secure_version` of the app descriptor',
    }),
    created_at: Type.String({ description: 'UTC, exactly 20 characters', examples: ['2026-11-23T10:00:00Z'] }),
    expires_at: Type.Optional(
      Type.String({
        description: 'from then on no board installs it; as `created_at`, and `-` or left out: never',
        examples: ['2027-11-23T10:00:00Z'],
      }),
    ),
    elf_sha256: Type.Optional(
      Type.Unsafe<string>({
        ...Sha256,
        description: '`app_elf_sha256` of the app descriptor: what the running image reports of itself',
      }),
    ),
    release_notes: Type.String({ maxLength: MAX_NOTES_CHARS }),
    signatures: Type.Optional(
      Type.Array(Signature, {
        maxItems: MAX_SIGNATURES,
        description: 'of release keys, over the canonical text of docs/device-protocol.md; each key once',
      }),
    ),
  },
  { $id: 'Manifest' },
);
export type Manifest = Static<typeof Manifest>;
