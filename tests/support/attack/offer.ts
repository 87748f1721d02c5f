// What a board of a random attack reads of an offer.

import type { Answered, CheckInAnswer } from '../server/client.ts';

export interface ReadOffer {
  readonly assignmentId: number;
  readonly product: string;
  readonly version: string;
  readonly chip: string;
  readonly sha256: string;
  readonly url: string;
  readonly isRollback: boolean;
}

/** Undefined: no offer. */
export function readManifest(body: Answered['body']): ReadOffer | undefined {
  const answer = body as unknown as CheckInAnswer;
  const { manifest, assignment_id, url, rollback = false } = answer;
  if (manifest === undefined || assignment_id === undefined || url === undefined) return undefined;
  const { product, version, chip, sha256 } = manifest;
  return { assignmentId: assignment_id, product, version, chip, sha256, url, isRollback: rollback };
}
