// Boards that a rollout still waits for, or does not: every board of its opened stages that is not healthy on the build, with
// the rule that holds it now, or what became of it. It only reads.

import type { WaitingBoard } from '#protocol/admin/rollouts.ts';
import { AGAIN_MARKS, type Outcome } from '#engine/outcome/outcome.ts';
import { OtterError } from '#protocol/errors.ts';
import { isOpen } from '#engine/stage/advance.ts';
import { firstStageOf } from '#engine/decision/forecast.ts';
import { notCountedOf } from '#engine/outcome/vote.ts';
import { listBoardsOf, type StandingBoard } from '#server/db/device/assignments.ts';
import { findRollout, type Rollout } from '#server/db/rollouts/rollouts.ts';
import type { Deps } from '#server/service/deps.ts';
import { voterOf } from '#server/service/device/facts.ts';
import { decideFor, textOfOutcome, textOfRule } from '#server/service/fleet/devices.ts';
import { toInstant } from '#server/time/instant.ts';
import { type Listed, type ListQuery, readPage } from '#server/service/list.ts';
import { readCursor } from './preview.ts';
import { getSubject, type Judged, type Subject, walkDevices } from './walk.ts';

/** As the numbers of a rollout have them: the column of its stages, or the rule that leaves a board out. */
export interface WaitingFilter {
  readonly outcome?: Outcome | undefined;
  readonly left_out?: string | undefined;
}

/**
 * In the order in which the boards came to know the server. Throws `rollout_unknown`, `invalid_transition` for a draft,
 * `limit_invalid`, `cursor_invalid`.
 */
export async function getWaiting(
  deps: Deps,
  name: string,
  query: Pick<ListQuery, 'limit' | 'cursor'> & WaitingFilter,
  nowMs: number,
): Promise<Listed<WaitingBoard>> {
  await deps.presence.flush();
  const { read } = deps.database;
  const { limit } = readPage({ limit: query.limit }, { mac: 'devices.first_name' }, 'mac');
  const row = await getOpened(deps, name);
  const subject = await getSubject(deps, read, row);
  const items: WaitingBoard[] = [];
  let last = readCursor(query.cursor);
  for await (const page of walkDevices(deps, read, subject, last)) {
    const standing = await listBoardsOf(
      read,
      row.id,
      page.map(({ device }) => device.id),
    );
    for (const board of page) {
      const at = { board, standing: standing.get(board.device.id), subject };
      if (!isAskedFor(at, query)) continue;
      const item = await viewBoard(deps, at, nowMs);
      if (item === undefined) continue;
      if (items.length === limit) return { items, next_cursor: String(last) };
      items.push(item);
      last = board.device.id;
    }
  }
  return { items, next_cursor: null };
}

interface BoardAt {
  readonly board: Judged;
  readonly standing: StandingBoard | undefined;
  readonly subject: Subject;
}

/** Told without the rules of this moment, which ask for reads of their own: of a large fleet almost nobody is asked for. */
function isAskedFor({ board, standing, subject: { row } }: BoardAt, { outcome, left_out }: WaitingFilter): boolean {
  // One that is over leaves nobody out: late boards follow what is stable.
  const isLeftOut = isOpen(row.status) && board.preview.kind === 'left_out';
  const leftOut = isLeftOut ? board.preview.reason : undefined;
  if (left_out !== undefined) return leftOut === left_out && (standing === undefined || triesAgain(standing));
  if (outcome === undefined) return true;
  return standing === undefined ? outcome === 'waiting' && leftOut === undefined : standing.outcome === outcome;
}

/** Its offer was withdrawn, and the rules say whether it gets another one. */
function triesAgain({ mark, counted }: StandingBoard): boolean {
  return counted === null && AGAIN_MARKS.some((again) => again === mark);
}

/** Undefined: it is healthy, or belongs to no stage that has opened. */
async function viewBoard(
  deps: Deps,
  { board: { device, facts }, standing, subject: { forecast } }: BoardAt,
  nowMs: number,
): Promise<WaitingBoard | undefined> {
  const at = firstStageOf(forecast, facts);
  const stage =
    standing?.stage ?? (at !== undefined && at < forecast.openedCount ? forecast.stages[at]?.name : undefined);
  if (stage === undefined || standing?.outcome === 'healthy') return undefined;
  const { first_name: mac, given_name: name } = device;
  const common = { mac, name, stage, last_seen_at: toInstant(device.last_seen_at_ms) };
  if (standing !== undefined && standing.outcome !== 'waiting') {
    const { outcome, counted } = standing;
    return { ...common, outcome, reason: null, text: textOfOutcome(outcome), not_counted: counted };
  }
  const { decision, trace } = await decideFor(deps, device.id, nowMs);
  const held = {
    reason: decision.outcome === 'hold' ? decision.reason : null,
    text: textOfRule(trace.find(({ matched }) => matched === true)),
  };
  const not_counted = standing?.counted ?? notCountedOf(voterOf(device), forecast.rollout.votes) ?? null;
  return { ...common, outcome: 'waiting', ...held, not_counted };
}

async function getOpened(deps: Deps, name: string): Promise<Rollout> {
  const row = await findRollout(deps.database.read, name);
  if (row === undefined)
    throw new OtterError('rollout_unknown', `there is no rollout ${name}`, 'look at the list: otter rollout list');
  if (row.status === 'draft')
    throw new OtterError(
      'invalid_transition',
      `rollout ${name} is a draft: it waits for nobody`,
      `see whom it would take: otter rollout preview ${name}`,
    );
  return row;
}
