// A rollout as text: where it stands, and of each stage how many devices are how far.

import { relativeTime } from '#cli/relative-time.ts';
import { type Colors, formatBar, formatTable, printable, type Terminal } from '#cli/terminal.ts';
import type { Rollout } from '#protocol/admin-api.ts';
import { assertNever } from '#protocol/errors.ts';
import { DEFAULT_PLAN } from '#protocol/plan.ts';

const BAR_CELLS = 16;
/** Columns that the whole table takes; a narrower terminal is spared what is 0 everywhere. */
const WIDE_COLUMNS = 108;

export function formatAdoption(rollout: Rollout, nowMs: number, terminal: Terminal): string {
  const { colors, columns } = terminal;
  const { name, product, version, status, stages } = rollout;
  const head = `${colors.bold(printable(name))}  ${product} ${version}  ${colorStatus(status, colors)}${rollout.plan === DEFAULT_PLAN ? '' : `, plan ${rollout.plan}`}${when(rollout, nowMs)}`;
  const shown = COUNTS.filter(
    (count) => columns >= WIDE_COLUMNS || count === 'targeted' || stages.some(({ adoption }) => adoption[count] > 0),
  );
  const rows = stages.map(({ stage, label, percentage, opened_at, adoption }) => {
    const bar = opened_at === null ? colors.dim(formatBar(0, BAR_CELLS)) : confirmedBar(adoption, colors);
    const first = [
      stage === rollout.stage ? colors.bold(stage) : stage,
      percentage < 100 ? `${percentage} % of ${label}` : label,
      bar,
    ];
    return first.concat(shown.map((count) => String(adoption[count])));
  });
  const table = formatTable(['stage', 'label', 'confirmed', ...shown.map((count) => TITLES[count])], rows, colors);
  const gates = stages.flatMap(({ stage, promotion, verdict }) => {
    if (verdict === null) return [];
    const ready = promotion === 'manual' ? 'passed, ready to be promoted' : 'passed, the next stage opens';
    const color = { waiting: colors.yellow, passed: colors.green, failed: colors.red }[verdict.state];
    return [
      `gate of ${stage}: ${color(verdict.state === 'passed' ? ready : verdict.state)}: ${printable(verdict.text)}`,
    ];
  });
  const halted = rollout.halted_reason === null ? [] : [`${colors.red('halted')}: ${printable(rollout.halted_reason)}`];
  const reason = rollout.ended_reason === null ? [] : [`reason: ${printable(rollout.ended_reason)}`];
  return [head, table, ...gates, ...halted, ...revertedLine(rollout, colors), ...reason].join('\n');
}

/** What becomes of the devices that run its build, where they are sent home. */
export function revertedLine(rollout: Rollout, colors: Colors): readonly string[] {
  if (rollout.reverted_at === null) return [];
  const { version, reverts_to } = rollout;
  return [
    `${colors.red('reverted')}: devices that run ${version} ${reverts_to === null ? 'stay on it, for there is no prior stable build' : `are offered ${reverts_to} with their next check`}`,
  ];
}

/** One line for a log: `canary pilot: targeted 5, offered 1, ...`; only what is not zero. */
export function formatAdoptionLine(rollout: Rollout): string {
  const stages = rollout.stages
    .filter((one) => one.opened_at !== null)
    .map(({ stage, adoption }) => {
      const counts = ALL_COUNTS.filter((count) => adoption[count] > 0).map(
        (count) => `${adoption[count]} ${TITLES[count]}`,
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
      return isForPeople(rollout)
        ? `npx otter rollout promote ${rollout.name}`
        : `npx otter rollout show ${rollout.name} --watch`;
    case 'paused':
      return `npx otter rollout resume ${rollout.name}`;
    case 'halted':
      return `npx otter rollout resume ${rollout.name} --reason "..."`;
    case 'regressed':
      return `npx otter firmware block ${rollout.version} --reason "..."`;
    case 'complete':
    case 'aborted':
      return undefined;
    default:
      return assertNever(rollout.status);
  }
}

/** A person has to open the next stage, and nothing speaks against it. */
function isForPeople({ stage: open, stages }: Rollout): boolean {
  const at = stages.findIndex(({ stage }) => stage === open);
  const found = stages[at];
  if (found === undefined || found.promotion === 'auto' || found.verdict?.state === 'waiting') return false;
  return at < stages.length - 1 || found.verdict?.state === 'passed';
}

export function colorStatus(status: Rollout['status'], colors: Colors): string {
  switch (status) {
    case 'complete':
      return colors.green(status);
    case 'running':
      return colors.cyan(status);
    case 'paused':
      return colors.yellow(status);
    case 'halted':
    case 'regressed':
    case 'aborted':
      return colors.red(status);
    case 'draft':
      return status;
    default:
      return assertNever(status);
  }
}

const TITLES = {
  targeted: 'targeted',
  offered: 'offered',
  downloading: 'downloading',
  trial: 'trial',
  confirmed: 'confirmed',
  failed: 'failed',
  rolled_back: 'rolled back',
  silent: 'silent',
} as const;
/** The counts that have a column; `confirmed` has the bar. */
const COUNTS = ['targeted', 'offered', 'downloading', 'trial', 'failed', 'rolled_back', 'silent'] as const;
const ALL_COUNTS = [
  'targeted',
  'confirmed',
  'offered',
  'downloading',
  'trial',
  'failed',
  'rolled_back',
  'silent',
] as const;

type Adoption = Rollout['stages'][number]['adoption'];

function confirmedBar(adoption: Adoption, colors: Colors): string {
  const share = adoption.targeted === 0 ? 0 : adoption.confirmed / adoption.targeted;
  const isBad = adoption.failed + adoption.rolled_back > 0;
  const bar = formatBar(share, BAR_CELLS);
  return `${isBad ? colors.yellow(bar) : colors.green(bar)} ${adoption.confirmed} (${Math.floor(share * 100)} %)`;
}

function when(rollout: Rollout, nowMs: number): string {
  if (rollout.ended_at !== null) return ` ${relativeTime(rollout.ended_at, nowMs)}`;
  if (rollout.started_at !== null) return `, started ${relativeTime(rollout.started_at, nowMs)}`;
  return `, created ${relativeTime(rollout.created_at, nowMs)}`;
}
