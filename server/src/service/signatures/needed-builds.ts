// Which stored images boards may be offered: what has to be signed before a key is trusted, and stays signed when one is retired.

import { isForEveryone } from '#engine/decision/target.ts';
import type { RolloutFacts } from '#engine/facts/model.ts';
import type { StoredFirmware, StoredImage } from '#server/db/firmware/catalog.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';

type BuildUse = 'rollout' | 'stable' | 'prior_stable' | 'required';

export interface NeededBuild {
  readonly firmware: StoredFirmware;
  readonly image: StoredImage;
  /** The most pressing of its uses. */
  readonly use: BuildUse;
}

/** Each image once. */
export function listNeededBuilds(view: CatalogView, product: string): readonly NeededBuild[] {
  const open = view.openRolloutsOf(product).flatMap((rollout) => coveredOf(view, rollout, 'rollout'));
  const completed = view.completedOf(product);
  const newest = completed.findIndex(isForEveryone);
  const ofSome = completed
    .filter((rollout, index) => !isForEveryone(rollout) && (newest < 0 || index < newest))
    .flatMap((rollout) => coveredOf(view, rollout, 'stable'));
  const everyones = completed.filter(isForEveryone).flatMap((rollout) => coveredOf(view, rollout, 'stable'));
  const byChip = [...Map.groupBy(everyones, ({ image }) => image.chip).values()].flatMap(stableAndPrior);
  const required = view
    .requiredVersionsOf(product)
    .flatMap((firmware) => firmware.images.map((image) => ({ firmware, image, use: 'required' as const })));
  const all = [...open, ...ofSome, ...byChip, ...required].filter(({ firmware }) => !firmware.blocked);
  return all.filter((build, index) => all.findIndex(({ image }) => image.id === build.image.id) === index);
}

/** Nobody whose key counts signed it. */
export function listUnsigned(view: CatalogView, product: string): readonly NeededBuild[] {
  return listNeededBuilds(view, product).filter(({ image }) => image.signedBy.length === 0);
}

/** Of one chip, the newest first: the build that boards go to, and the one that they go back to. */
function stableAndPrior(builds: readonly NeededBuild[]): readonly NeededBuild[] {
  const [stable, prior] = [...new Set(builds.map(({ firmware }) => firmware.id))];
  return builds.flatMap((build) => {
    if (build.firmware.id === stable) return [build];
    return build.firmware.id === prior ? [{ ...build, use: 'prior_stable' as const }] : [];
  });
}

function coveredOf(view: CatalogView, rollout: RolloutFacts, use: BuildUse): readonly NeededBuild[] {
  const firmware = view.getFirmware(rollout.firmware.id);
  const images = firmware.images.filter(({ id }) => rollout.imageIds.includes(id));
  return images.map((image) => ({ firmware, image, use }));
}
