// The admin routes of rollouts, each tied to one service.

import { createRollout } from '#server/service/rollouts/create.ts';
import type { Deps } from '#server/service/deps.ts';
import type { Principal } from '#server/service/principal.ts';
import { noteRollout } from '#server/service/names/notes.ts';
import { getPreviewDevices, previewRollout } from '#server/service/rollouts/preview.ts';
import { promoteRollout } from '#server/service/rollouts/promote.ts';
import { retryRollout } from '#server/service/fleet/retry.ts';
import { commandRollout, getRollout, listRollouts, previewRevert } from '#server/service/rollouts/rollouts.ts';
import { getWaiting } from '#server/service/rollouts/waiting-list.ts';
import type { Handlers } from './handlers.ts';

export function rolloutHandlers(deps: Deps) {
  const move =
    (command: Parameters<typeof commandRollout>[2]['command']) =>
    async (call: {
      readonly params: { readonly name: string };
      readonly body: { readonly reason?: string; readonly supersede?: boolean; readonly revert?: boolean };
      readonly by: Principal;
      readonly nowMs: number;
    }) =>
      commandRollout(deps, call.params.name, { command, by: call.by, ...call.body }, call.nowMs);
  return {
    listRollouts: async ({ query, nowMs }) => listRollouts(deps, query, nowMs),
    createRollout: async ({ body, nowMs, by }) => createRollout(deps, body, by, nowMs),
    getRollout: async ({ params, nowMs }) => getRollout(deps, params.name, nowMs),
    previewRollout: async ({ params, nowMs }) => previewRollout(deps, params.name, nowMs),
    getPreviewDevices: async ({ params, query }) => getPreviewDevices(deps, params.name, query),
    noteRollout: async ({ params, body, by, nowMs }) => noteRollout(deps, params.name, body.note, by, nowMs),
    startRollout: move('start'),
    promoteRollout: async ({ params, body, by, nowMs }) => promoteRollout(deps, params.name, { by, ...body }, nowMs),
    pauseRollout: move('pause'),
    resumeRollout: move('resume'),
    abortRollout: move('abort'),
    keepRollout: move('keep'),
    undoRollout: move('undo'),
    getWaiting: async ({ params, query, nowMs }) => getWaiting(deps, params.name, query, nowMs),
    previewRevert: async ({ params }) => previewRevert(deps, params.name),
    retryRollout: async ({ params, body, nowMs, by }) => retryRollout(deps, params.name, body.reason, by, nowMs),
  } satisfies Partial<Handlers>;
}
