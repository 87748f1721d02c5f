// What a backup says of itself: its last two entries. The first of them has the SHA-256 of every other file, the second that of the
// first, so that no byte of a backup can change unseen. (Against somebody who changes it on purpose, encrypt it.)

import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

/** Raised where an older Otter must not restore it. */
export const BACKUP_FORMAT = 1;

export const MANIFEST_NAME = 'manifest.json';
export const MANIFEST_SUM_NAME = 'manifest.json.sha256';
export const DATABASE_NAME = 'database.sqlite';
/** Files by their path in the home, files from elsewhere by their whole path, and images by their SHA-256. */
export const HOME_FOLDER = 'home/';
export const OUTSIDE_FOLDER = 'outside/';
export const IMAGES_FOLDER = 'images/';

const closed = { additionalProperties: false };
const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });

const BackupFile = Type.Object({ name: Type.String(), size_bytes: Type.Integer(), sha256: Sha256 }, closed);

const Image = Type.Object({ sha256: Sha256, why: Type.String() }, closed);

export const Manifest = Type.Object({
  format: Type.Integer(),
  /** Of the Otter that made it. */
  version: Type.String(),
  /** The moment that the database shows. */
  made_at: Type.String(),
  made_by: Type.String(),
  database: Type.Union([Type.Literal('sqlite'), Type.Literal('postgres')]),
  schema: Type.Integer(),
  /** Where database file and images were: in the home, or by a whole path. Null: the database is a PostgreSQL. */
  places: Type.Object({ database: Type.Union([Type.String(), Type.Null()]), images: Type.String() }, closed),
  files: Type.Array(BackupFile),
  /** Images that the database names and that could not be read whole. */
  missing_images: Type.Array(Image),
});
export type Manifest = Static<typeof Manifest>;

/** Undefined: it is none of this format. */
export function readManifest(text: string): Manifest | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(Manifest, value) ? value : undefined;
  } catch {
    return undefined;
  }
}
