// What a rollout would do to the fleet, before it is started or before its next stage opens: how many devices each stage
// takes, and who is left out and why. It asks the rules about every device of the product, page by page, and changes nothing.

import type { RolloutPreview } from '#protocol/admin/rollouts.ts';
import { OtterError } from '#protocol/errors.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import { findRollout } from '#server/db/rollouts/rollouts.ts';
import type { Deps } from '#server/service/deps.ts';
import { type Listed, type ListQuery, readPage } from '#server/service/list.ts';
import { isSilent, silenceAt } from '#server/service/device/observation.ts';
import { findOverlaps } from './overlap.ts';
import { getSubject, type Subject, textOf, walkDevices } from './walk.ts';

const MAX_EXAMPLES = 10;

/** Throws `rollout_unknown`, `invalid_transition` for one that has ended. */
export async function previewRollout(deps: Deps, name: string, nowMs: number): Promise<RolloutPreview> {
  const subject = await findSubject(deps, name);
  const { row, forecast } = subject;
  const silence = silenceAt(deps, nowMs);
  const stages = forecast.stages.map((stage) => ({ ...stage, labelled: 0, silent: 0, taken: newCount() }));
  const leftOut = new Map<string, Count>();
  let total = 0;
  let outside = 0;
  for await (const page of walkDevices(deps, deps.database.read, subject, 0)) {
    for (const { device, labels, preview } of page) {
      total += 1;
      for (const stage of stages)
        if (stage.label === GENERAL_LABEL || labels.includes(stage.label)) stage.labelled += 1;
      if (preview.kind === 'in_no_stage') outside += 1;
      if (preview.kind === 'left_out') {
        const count = leftOut.get(preview.reason) ?? newCount();
        leftOut.set(preview.reason, count);
        add(count, device.first_name);
      }
      const stage = preview.kind === 'taken' ? stages[preview.stage] : undefined;
      if (stage === undefined) continue;
      add(stage.taken, device.first_name);
      if (isSilent(device, silence)) stage.silent += 1;
    }
  }
  return {
    rollout: row.name,
    product: row.product,
    version: row.version,
    status: row.status,
    stages: stages.map(({ name: stage, label, percentage, silent, taken }, position) => ({
      stage,
      label,
      percentage,
      opened: position < forecast.openedCount,
      devices: taken.devices,
      silent,
      examples: taken.examples,
    })),
    left_out: [...leftOut]
      .map(([reason, { devices, examples }]) => ({ reason, text: textOf(reason), devices, examples }))
      .toSorted((left, right) => right.devices - left.devices || (left.reason < right.reason ? -1 : 1)),
    not_in_any_stage: outside,
    total,
    warnings: [...(await startWarnings(deps, subject)), ...stageWarnings(subject, stages, total)],
  };
}

/**
 * The devices that one stage would take, in the order in which they came to know the server. Throws `rollout_unknown`,
 * `invalid_transition`, `field_invalid` for a stage that the rollout does not have, `limit_invalid`, `cursor_invalid`.
 */
export async function getPreviewDevices(
  deps: Deps,
  name: string,
  query: Pick<ListQuery, 'limit' | 'cursor'> & { readonly stage: string },
): Promise<Listed<string>> {
  const { limit } = readPage({ limit: query.limit }, { mac: 'devices.first_name' }, 'mac');
  const afterId = readCursor(query.cursor);
  const subject = await findSubject(deps, name);
  const wanted = subject.forecast.stages.findIndex((stage) => stage.name === query.stage);
  if (wanted === -1)
    throw new OtterError(
      'field_invalid',
      `stage: rollout ${name} has no stage ${query.stage}`,
      `its stages are ${subject.forecast.stages.map((stage) => stage.name).join(', ')}`,
    );
  const items: string[] = [];
  let last = afterId;
  for await (const page of walkDevices(deps, deps.database.read, subject, afterId)) {
    for (const { device, preview } of page) {
      if (preview.kind !== 'taken' || preview.stage !== wanted) continue;
      if (items.length === limit) return { items, next_cursor: String(last) };
      items.push(device.first_name);
      last = device.id;
    }
  }
  return { items, next_cursor: null };
}

async function findSubject(deps: Deps, name: string): Promise<Subject> {
  await deps.presence.flush();
  const { read } = deps.database;
  const row = await findRollout(read, name);
  if (row === undefined)
    throw new OtterError('rollout_unknown', `there is no rollout ${name}`, 'look at the list of rollouts');
  if (row.status === 'complete' || row.status === 'aborted')
    throw new OtterError(
      'invalid_transition',
      `rollout ${name} is ${row.status}: it has ended`,
      `see what became of it: otter rollout show ${name}`,
    );
  return getSubject(deps, read, row);
}

/** What a start would be refused for. */
async function startWarnings({ database }: Deps, { row, view }: Subject): Promise<readonly string[]> {
  if (row.status !== 'draft') return [];
  const firmware = view.findFirmware(row.product, row.version);
  const overlaps = await findOverlaps(database.read, row, row.stages);
  return [
    ...(firmware?.blocked === true ? [`firmware ${row.product} ${row.version} is blocked: it is not offered`] : []),
    ...(firmware?.pilotReady === false
      ? [`firmware ${row.product} ${row.version} is not marked pilot ready: otter firmware ready ${row.version}`]
      : []),
    ...overlaps.map(
      ({ rollout: { name, version, status }, devices }) =>
        `rollout ${name} (${version}) is ${status} and wants the same devices (${devices} now): complete or abort it before this one starts, or start with --supersede`,
    ),
  ];
}

/** Stages that are still to open and would take nobody. */
function stageWarnings(
  { row, forecast }: Subject,
  stages: readonly {
    readonly name: string;
    readonly label: string;
    readonly labelled: number;
    readonly taken: Count;
  }[],
  total: number,
): readonly string[] {
  if (total === 0) return [`no device of product ${row.product} has checked in yet`];
  return stages.flatMap(({ name, label, labelled, taken }, position) => {
    if (position < forecast.openedCount || taken.devices > 0) return [];
    return labelled === 0
      ? [`stage ${name} takes nobody: no device of ${row.product} has label ${label}: otter device label MAC ${label}`]
      : [`stage ${name} takes nobody: its devices are in an earlier stage, above its percentage, or left out`];
  });
}

interface Count {
  devices: number;
  readonly examples: string[];
}

function newCount(): Count {
  return { devices: 0, examples: [] };
}

function add(count: Count, name: string): void {
  count.devices += 1;
  if (count.examples.length < MAX_EXAMPLES) count.examples.push(name);
}

export function readCursor(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  const id = /^[0-9]{1,15}$/.test(cursor) ? Number(cursor) : Number.NaN;
  if (Number.isSafeInteger(id)) return id;
  throw new OtterError(
    'cursor_invalid',
    'cursor: this is not the next_cursor of a page',
    'start again without a cursor',
  );
}
