// Boards that a rollout left on its build when it was aborted, or its build blocked, and that are silent since: perhaps it killed them.

import type { Call } from '#protocol/admin/status.ts';
import { ABANDONED_CALL_MS } from '#protocol/limits.ts';
import { DEFAULT_PRODUCT } from '#protocol/words.ts';
import { countAbandoned } from '#server/db/rollouts/abandoned-boards.ts';
import type { Deps } from '#server/service/deps.ts';
import { silenceAt } from '#server/service/device/observation.ts';

export async function callsOfAbandoned(deps: Deps, nowMs: number): Promise<readonly Call[]> {
  const rows = await countAbandoned(deps.database.read, nowMs - ABANDONED_CALL_MS, silenceAt(deps, nowMs));
  return rows.map(({ name, version, product, blocked, boards }) => ({
    kind: 'lost',
    rollout: name,
    text: `${Number(boards) === 1 ? '1 board was' : `${boards} boards were`} given ${version} before rollout ${name} was aborted, and ${Number(boards) === 1 ? 'is' : 'are'} silent since`,
    commands: [
      `otter device list --where 'status = silent'`,
      ...(blocked === 1
        ? []
        : [
            `otter firmware block ${version}${product === DEFAULT_PRODUCT ? '' : ` --product ${product}`} --reason TEXT`,
          ]),
    ],
  }));
}
