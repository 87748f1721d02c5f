// `manifest.json`: what is said of one image, stored beside it and sent with every offer, there with the release notes
// cut. Readers ignore members they do not know; they refuse doubled members and wrong types.

import { type Static, Type } from 'typebox';
import { MAX_IMAGE_BYTES, MAX_NOTES_CHARS } from '#protocol/limits.ts';
import { Chip, Name, Sha256, Version } from '#protocol/words.ts';

export const MANIFEST_FORMAT = 'otter-manifest/1';

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
    elf_sha256: Type.Optional(
      Type.Unsafe<string>({
        ...Sha256,
        description: '`app_elf_sha256` of the app descriptor: what the running image reports of itself',
      }),
    ),
    release_notes: Type.String({ maxLength: MAX_NOTES_CHARS }),
  },
  { $id: 'Manifest' },
);
export type Manifest = Static<typeof Manifest>;
