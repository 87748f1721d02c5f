// What is wrong with images and with servers, as events: each once when it begins and once when it is over, whichever of several servers
// sees it first. What keeps the database from being written cannot be told by this way.

import { hostname } from 'node:os';
import { CERTIFICATE_DAYS } from '#protocol/limits.ts';
import {
  addTroubleEvent,
  addTrouble,
  deleteTrouble,
  listTroubles,
  type NewTrouble,
} from '#server/db/events/troubles.ts';
import type { Deps } from '#server/service/deps.ts';
import { listFaults } from '#server/service/firmware/image-checks.ts';
import { toInstant } from '#server/time/instant.ts';

const DAY_MS = 86_400_000;

/** Looks, and writes only where something is another than before. */
export async function noteTroubles(deps: Deps, nowMs: number): Promise<void> {
  const found = new Map((await findTroubles(deps, nowMs)).map((trouble) => [trouble.key, trouble]));
  const known = await listTroubles(deps.database.read);
  const isOurs = (key: string): boolean => key.startsWith('image:') || key.startsWith(serverKey(''));
  const over = known.filter(({ key }) => isOurs(key) && !found.has(key));
  const begun = [...found.values()].filter(({ key }) => !known.some((one) => one.key === key));
  for (const trouble of begun)
    await deps.database.write(async (trx) => {
      if (await addTrouble(trx, trouble, nowMs)) await addTroubleEvent(trx, trouble, trouble.begins, nowMs);
    });
  for (const trouble of over)
    await deps.database.write(async (trx) => {
      const gone = await deleteTrouble(trx, trouble.key);
      if (gone !== undefined && gone.ends !== null) await addTroubleEvent(trx, gone, gone.ends, nowMs);
    });
}

async function findTroubles(deps: Deps, nowMs: number): Promise<readonly NewTrouble[]> {
  const images = (await listFaults(deps)).map(({ product, version, chip, fault }) => ({
    key: `image:${product} ${version} ${chip}`,
    product,
    version,
    data: { chip, fault: `the image for ${chip}: ${fault}` },
    begins: 'image.damaged' as const,
    ends: 'image.mended' as const,
  }));
  // What is wrong with images is told by their names.
  const problems = (await deps.readiness.problems()).filter(({ code }) => code !== 'blob_corrupt');
  const ofServer = problems.map(({ code, message, hint }) => ({
    product: '',
    version: '',
    key: serverKey(`${code} ${message}`),
    data: { server: hostname(), problem: message, hint },
    begins: 'server.trouble' as const,
    ends: 'server.recovered' as const,
  }));
  return [...images, ...ofServer, ...certificateEnds(deps, nowMs)];
}

/** Keys of earlier warnings stay as long as the certificate does, so that each is told once. */
function certificateEnds({ settings: { certificateEndsAtMs: endsAtMs } }: Deps, nowMs: number) {
  const days = Math.max(0, Math.ceil((endsAtMs - nowMs) / DAY_MS));
  const reached = CERTIFICATE_DAYS.filter((limit) => days <= limit);
  return reached.map((limit) => ({
    product: '',
    version: '',
    key: serverKey(`certificate ${endsAtMs} ${limit}`),
    data: { server: hostname(), ends_at: toInstant(endsAtMs), days },
    begins: 'server.certificate_ends' as const,
    ends: null,
  }));
}

function serverKey(what: string): string {
  return `server:${hostname()}:${what}`;
}
