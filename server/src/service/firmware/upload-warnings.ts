// What an upload is told of beside its answer: nothing here refuses it.

import { DEFAULT_PRODUCT } from '#protocol/words.ts';
import { compareVersions, looksNewer } from '#protocol/device/version.ts';
import {
  type Firmware as FirmwareRow,
  type Image as ImageRow,
  listProjects,
  listVersions,
} from '#server/db/firmware/firmware.ts';
import { findReleases, isRequiredCovered } from '#server/db/rollouts/images.ts';
import type { Reader } from '#server/db/schema.ts';
import { isSameProject, projectOf } from '#server/esp-image/build-name.ts';
import type { EspImage } from '#server/esp-image/esp-image.ts';
import type { Deps } from '#server/service/deps.ts';

/**
 * Said once for each project of a product: the name of a project is what a build folder is called, so another one than the name of
 * the product, or than that of the builds before, is no error. It may be one.
 */
export async function warnOfProject(
  db: Reader,
  {
    image,
    product,
    upload,
  }: { readonly image: EspImage; readonly product: string; readonly upload: { readonly forceProject: boolean } },
): Promise<readonly string[]> {
  const project = projectOf(image);
  if (project === undefined || upload.forceProject || product === DEFAULT_PRODUCT) return [];
  const known = await listProjects(db, product);
  if (known.some((other) => isSameProject(other.project, project))) return [];
  const before = known.at(-1);
  if (before !== undefined)
    return [
      `the image is of project ${project}, that of ${product} ${before.version} of project ${before.project}: check that it is the same program (--force-project says so)`,
    ];
  return isSameProject(project, product)
    ? []
    : [
        `the image is of project ${project}, and goes out as product ${product}: check that it is this program (--force-project says so)`,
      ];
}

/** What people are likely to misread, or did not mean. */
export async function orderWarnings(deps: Deps, { product, version }: FirmwareRow): Promise<readonly string[]> {
  const view = await deps.catalog.current();
  const stable = view.stableOf(product)?.firmware.version;
  const isBelow = stable !== undefined && (compareVersions(version, stable) ?? 0) < 0;
  const misread = (await listVersions(deps.database.read, product)).find((other) => looksNewer(version, other.version));
  return [
    ...(isBelow
      ? [`${version} is below ${stable}, the stable build of ${product}: boards that run that are not offered it`]
      : []),
    ...(misread === undefined
      ? []
      : [
          `${version} is ordered below ${misread.version}: in SemVer a number counts as one only between dots, as in rc.9 and rc.10`,
        ]),
  ];
}

/** Who is not offered the image that was added, and what changes that. */
export async function releaseWarnings(db: Reader, firmware: FirmwareRow, image: ImageRow): Promise<readonly string[]> {
  const { rollouts, isCovered } = await findReleases(db, image);
  const name = `${firmware.version}${firmware.product === DEFAULT_PRODUCT ? '' : ` --product ${firmware.product}`}`;
  const what = `the image for ${image.folder}`;
  if (rollouts.length > 0 && !isCovered)
    return [
      `${what} is offered to nobody yet: ${rollouts.join(', ')} started before it was there; roll it out: otter rollout create --firmware ${name}`,
    ];
  if (firmware.required === 1 && !(await isRequiredCovered(db, image)))
    return [`${what} is not yet offered to devices on their way to a newer version: otter firmware require ${name}`];
  return [];
}
