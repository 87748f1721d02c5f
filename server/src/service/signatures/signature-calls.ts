// What needs a person because of signatures: builds that boards may be offered, and that nobody signed, or that soon no board takes.

import type { Call } from '#protocol/admin/status.ts';
import { EXPIRY_WARN_MS, MAX_NAMED_IMAGES } from '#protocol/limits.ts';
import { DEFAULT_PRODUCT } from '#protocol/words.ts';
import type { CatalogView } from '#server/service/firmware/catalog.ts';
import { toInstant } from '#server/time/instant.ts';
import { listNeededBuilds, type NeededBuild } from './needed-builds.ts';

export function callsOfSignatures(view: CatalogView, nowMs: number): readonly Call[] {
  const products = view.products.filter((product) => view.trustedKeysOf(product).length > 0);
  const calls = products.flatMap((product) =>
    listNeededBuilds(view, product).flatMap((build) => callOf(build, nowMs) ?? []),
  );
  const others = calls.length - MAX_NAMED_IMAGES;
  return others > 0
    ? [
        ...calls.slice(0, MAX_NAMED_IMAGES),
        {
          kind: 'signature',
          rollout: null,
          text: `${others} more builds need a signature`,
          commands: ['otter key list'],
        },
      ]
    : calls;
}

function callOf({ firmware, image, use }: NeededBuild, nowMs: number): Call | undefined {
  const { product, version } = firmware;
  const name = `${product} ${version} for ${image.folder} (${use})`;
  const sign = `otter firmware sign ${version} --stored${product === DEFAULT_PRODUCT ? '' : ` --product ${product}`}`;
  const call = (text: string, command: string): Call => ({
    kind: 'signature',
    rollout: null,
    text,
    commands: [command],
  });
  if (image.signedBy.length === 0)
    return call(`${name} is not signed by a trusted key: boards are not offered it`, sign);
  const endsAtMs = image.signatureEndsAtMs;
  if (endsAtMs === undefined || nowMs < endsAtMs - EXPIRY_WARN_MS) return undefined;
  const text = nowMs < endsAtMs ? `expires at ${toInstant(endsAtMs)}` : 'has expired: boards are not offered it';
  return call(`the signature of ${name} ${text}`, `${sign} --expires 365d`);
}
