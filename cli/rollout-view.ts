// A rollout as text: where it stands, and of each stage how many devices are how far.

import { relativeTime } from '#cli/relative-time.ts';
import { type Colors, formatBar, formatTable, printable } from '#cli/terminal.ts';
import { assertNever } from '#protocol/errors.ts';
import type { Rollout } from '#protocol/admin-api.ts';

const BAR_CELLS = 20;

export function formatAdoption(rollout: Rollout, nowMs: number, colors: Colors): string {
  const { name, product, version } = rollout;
  const head = `${colors.bold(printable(name))}  ${product} ${version}  ${colorStatus(rollout.status, colors)}${when(rollout, nowMs)}`;
  const rows = rollout.stages.map(({ stage, label, opened_at, adoption }) => [
    stage === rollout.stage ? colors.bold(stage) : stage,
    label,
    opened_at === null ? colors.dim(formatBar(0, BAR_CELLS)) : confirmedBar(adoption, colors),
    ...STATES.map((state) => String(adoption[state])),
  ]);
  const table = formatTable(['stage', 'label', 'confirmed', ...STATES.map((state) => TITLES[state])], rows, colors);
  const reason = rollout.ended_reason === null ? [] : [`reason: ${printable(rollout.ended_reason)}`];
  return [head, table, ...reason].join('\n');
}

/** One line for a log: `canary pilot: targeted 5, offered 1, ...`; only what is not zero. */
export function formatAdoptionLine(rollout: Rollout): string {
  const stages = rollout.stages
    .filter((one) => one.opened_at !== null)
    .map(({ stage, adoption }) => {
      const counts = STATES.filter((state) => adoption[state] > 0).map(
        (state) => `${adoption[state]} ${TITLES[state]}`,
      );
      return `${stage}: ${counts.length === 0 ? 'nobody yet' : counts.join(', ')}`;
    });
  return [`${printable(rollout.name)} ${rollout.status}`, ...stages].join('; ');
}

/** What can be done with it now, as the command to type; undefined where it has ended. */
export function nextCommand(rollout: Rollout): string | undefined {
  switch (rollout.status) {
    case 'draft':
      return `npx otter rollout start ${rollout.name}`;
    case 'running':
      return rollout.stage === 'pilot'
        ? `npx otter rollout promote ${rollout.name}`
        : `npx otter rollout show ${rollout.name} --watch`;
    case 'paused':
      return `npx otter rollout resume ${rollout.name}`;
    case 'complete':
    case 'aborted':
      return undefined;
    default:
      return assertNever(rollout.status);
  }
}

export function colorStatus(status: Rollout['status'], colors: Colors): string {
  switch (status) {
    case 'complete':
      return colors.green(status);
    case 'running':
      return colors.cyan(status);
    case 'paused':
      return colors.yellow(status);
    case 'aborted':
      return colors.red(status);
    case 'draft':
      return status;
    default:
      return assertNever(status);
  }
}

const STATES = ['targeted', 'offered', 'downloading', 'trial', 'confirmed', 'failed', 'rolled_back', 'silent'] as const;
const TITLES = {
  targeted: 'targeted',
  offered: 'offered',
  downloading: 'downloading',
  trial: 'trial',
  confirmed: 'confirmed',
  failed: 'failed',
  rolled_back: 'rolled back',
  silent: 'silent',
} as const satisfies Readonly<Record<(typeof STATES)[number], string>>;

type Adoption = Rollout['stages'][number]['adoption'];

function confirmedBar(adoption: Adoption, colors: Colors): string {
  const share = adoption.targeted === 0 ? 0 : adoption.confirmed / adoption.targeted;
  const isBad = adoption.failed + adoption.rolled_back > 0;
  const bar = formatBar(share, BAR_CELLS);
  return `${isBad ? colors.yellow(bar) : colors.green(bar)} ${String(Math.floor(share * 100)).padStart(3)} %`;
}

function when(rollout: Rollout, nowMs: number): string {
  if (rollout.ended_at !== null) return ` ${relativeTime(rollout.ended_at, nowMs)}`;
  if (rollout.started_at !== null) return `, started ${relativeTime(rollout.started_at, nowMs)}`;
  return `, created ${relativeTime(rollout.created_at, nowMs)}`;
}
