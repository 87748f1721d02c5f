// Firmware and its images. Rows are only ever added; a firmware's flags change, an image's bytes never do.

import type { Insertable, Selectable } from 'kysely';
import type { Digests } from '#engine/facts/build.ts';
import { type Page, type Paged, runPage } from '#server/db/paging.ts';
import type { FirmwareTable, ImagesTable, Reader, Trx } from '#server/db/schema.ts';

export type Firmware = Selectable<FirmwareTable>;
export type Image = Selectable<ImagesTable>;

/** Every firmware with this version; of one product where it is named. */
export async function listFirmwareByVersion(
  db: Reader,
  version: string,
  product: string | undefined,
): Promise<readonly Firmware[]> {
  const query = db.selectFrom('firmware').selectAll().where('version', '=', version);
  return (product === undefined ? query : query.where('product', '=', product)).orderBy('product').execute();
}

/** Which programs the images of a product say that they are, with the version of each. */
export async function listProjects(
  db: Reader,
  product: string,
): Promise<readonly { readonly version: string; readonly project: string }[]> {
  const rows = await db
    .selectFrom('images')
    .innerJoin('firmware', 'firmware.id', 'images.firmware_id')
    .select(['firmware.version', 'images.project'])
    .where('firmware.product', '=', product)
    .where('images.project', 'is not', null)
    .orderBy('images.id')
    .execute();
  return rows.flatMap(({ version, project }) => (project === null ? [] : [{ version, project }]));
}

export async function listVersions(
  db: Reader,
  product: string,
): Promise<readonly Pick<Firmware, 'id' | 'version' | 'security_version'>[]> {
  return db
    .selectFrom('firmware')
    .select(['id', 'version', 'security_version'])
    .where('product', '=', product)
    .execute();
}

export async function listFirmware(
  db: Reader,
  filter: { readonly product: string | undefined; readonly channel: string | undefined },
  page: Page,
): Promise<Paged<Firmware>> {
  let query = db.selectFrom('firmware').selectAll('firmware');
  if (filter.product !== undefined) query = query.where('product', '=', filter.product);
  if (filter.channel !== undefined) query = query.where('channel', '=', filter.channel);
  return runPage(query, page, { id: 'firmware.id' });
}

export async function listImages(db: Reader, firmwareIds: readonly number[]): Promise<readonly Image[]> {
  if (firmwareIds.length === 0) return [];
  return db
    .selectFrom('images')
    .selectAll()
    .where('firmware_id', 'in', [...firmwareIds])
    .orderBy('folder')
    .execute();
}

/** By which a board may name it. */
export function digestsOf({ sha256, elf_sha256, appended_sha256 }: Image): Digests {
  return { sha256, elfSha256: elf_sha256 ?? undefined, appendedSha256: appended_sha256 ?? undefined };
}

export async function addFirmware(trx: Trx, firmware: Insertable<FirmwareTable>): Promise<Firmware> {
  return trx.insertInto('firmware').values(firmware).returningAll().executeTakeFirstOrThrow();
}

export async function addImage(trx: Trx, image: Insertable<ImagesTable>): Promise<Image> {
  return trx.insertInto('images').values(image).returningAll().executeTakeFirstOrThrow();
}

/** Images of which nobody has read yet what they say of themselves, with what a reader of their files needs. */
export async function listUnread(db: Reader) {
  return db
    .selectFrom('images')
    .innerJoin('firmware', 'firmware.id', 'images.firmware_id')
    .select(['images.id', 'firmware.product', 'firmware.version', 'images.folder'])
    .select(['images.size_bytes', 'images.sha256', 'images.block_sha256'])
    .where((e) => e.or([e('images.appended_sha256', 'is', null), e('images.info', 'is', null)]))
    .orderBy('images.id')
    .execute();
}

export async function saveRead(
  trx: Trx,
  read: { readonly id: number; readonly appendedSha256: string; readonly info: string },
): Promise<void> {
  const { id, appendedSha256: appended_sha256, info } = read;
  await trx.updateTable('images').set({ appended_sha256, info }).where('id', '=', id).execute();
}

export async function setPilotReady(trx: Trx, id: number, ready: boolean): Promise<void> {
  await trx
    .updateTable('firmware')
    .set({ pilot_ready: ready ? 1 : 0 })
    .where('id', '=', id)
    .execute();
}

export async function saveRequired(trx: Trx, id: number, isRequired: boolean): Promise<void> {
  await trx
    .updateTable('firmware')
    .set({ required: isRequired ? 1 : 0 })
    .where('id', '=', id)
    .execute();
}

export async function setBlocked(
  trx: Trx,
  id: number,
  blocked: { readonly reason: string } | undefined,
): Promise<void> {
  await trx
    .updateTable('firmware')
    .set({ blocked: blocked === undefined ? 0 : 1, blocked_reason: blocked?.reason ?? null })
    .where('id', '=', id)
    .execute();
}
