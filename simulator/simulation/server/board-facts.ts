// What the rules see of a simulated board: what real ones may say beside it, these leave out.

import type { DeviceFacts } from '#engine/facts/model.ts';

export function factsOfBoard(
  { mac, chip, labels }: { readonly mac: string } & Pick<DeviceFacts, 'chip' | 'labels'>,
  product: string,
  currentVersion: string,
): DeviceFacts {
  return {
    firstName: mac,
    product,
    currentVersion,
    chip,
    imageSha256: undefined,
    rememberedChips: [],
    chipRevision: undefined,
    flashBytes: undefined,
    library: undefined,
    releaseKeys: undefined,
    signaturesNeeded: 1,
    slotBytes: undefined,
    onTrial: false,
    labels,
    memberOf: [],
    hold: undefined,
    cancelled: undefined,
    offerNowAtMs: undefined,
    standing: 'counts',
  };
}
