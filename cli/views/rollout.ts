// A rollout as text: where it stands, and of each stage what became of its boards.

import { stageHealthLines } from './health.ts';
import { noteText } from './note.ts';
import { relativeTime } from './relative-time.ts';
import { elapsed } from './simulation.ts';
import { type Colors, formatBar, formatTable, printable, type Terminal } from '#cli/terminal.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { assertNever } from '#protocol/errors.ts';
import { DEFAULT_PLAN } from '#protocol/admin/plan.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import { OTTER } from '#cli/program-place.ts';

const BAR_CELLS = 16;
const NARROW_BAR_CELLS = 8;
/** Columns that the whole table takes; a narrower terminal is spared what is 0 everywhere. */
const WIDE_COLUMNS = 108;
/** A space at which no line ends. */
const NO_BREAK = '\u00A0';
/** More than that do not fit 80 columns beside stage, label and bar. */
const MOST_NARROW_COUNTS = 4;
/** A server that has just started may not know yet who waits. */
const NOT_COUNTED_YET = '?';

export function formatProgress(rollout: Rollout, nowMs: number, terminal: Terminal): string {
  const { colors } = terminal;
  const { name, product, version, status, stages } = rollout;
  const head = `${colors.bold(printable(name))}  ${product} ${version}  ${colorStatus(status, colors)}${rollout.plan === DEFAULT_PLAN ? '' : `, plan ${rollout.plan}`}${when(rollout, nowMs)}`;
  const table = stageTable(rollout, terminal);
  const gates = stages.flatMap(({ stage, promotion, verdict }) => {
    if (verdict === null) return [];
    const ready = promotion === 'manual' ? 'passed, ready to be promoted' : 'passed, the next stage opens';
    const color = { waiting: colors.yellow, passed: colors.green, failed: colors.red }[verdict.state];
    return [
      `gate of ${stage}: ${color(verdict.state === 'passed' ? ready : verdict.state)}: ${printable(verdict.text)}`,
    ];
  });
  const halted = rollout.halted_reason === null ? [] : [`${colors.red('halted')}: ${printable(rollout.halted_reason)}`];
  const regressed =
    rollout.regressed_reason === null ? [] : [`${colors.red('regressed')}: ${printable(rollout.regressed_reason)}`];
  const watched =
    rollout.watched_until === null
      ? []
      : [`its boards are watched; that ends ${relativeTime(rollout.watched_until, nowMs)}`];
  // What is complete waits for nobody.
  const leftOut = status === 'complete' ? [] : rollout.left_out;
  const left = leftOut.map(
    ({ devices, reason, text, examples }) =>
      `not waited for: ${devices} (${reason}: ${text}), for example ${examples[0] ?? ''}`,
  );
  const reason = rollout.ended_reason === null ? [] : [`reason: ${printable(rollout.ended_reason)}`];
  const warnings = rollout.warnings.map((warning) => `${colors.yellow('warning:')} ${printable(warning)}`);
  const note = noteText(rollout.note, nowMs);
  const more = [
    ...consentLine(rollout),
    ...(note === undefined ? [] : [`note: ${printable(note)}`]),
    ...watched,
    ...halted,
    ...regressed,
    ...left,
    ...revertedLine(rollout, colors),
    ...reason,
    ...warnings,
  ];
  return [head, table, ...gates, ...stageHealthLines(rollout), ...more].join('\n');
}

function consentLine({ consent, force_after_s }: Rollout): readonly string[] {
  if (consent === null) return [];
  const end = force_after_s === null ? '' : `, for ${elapsed(force_after_s)} from its first offer on`;
  return [`asks each board: it may put the update off${end}`];
}

/** A column for each count; on a narrow terminal, where there are many, one that names those that are not 0. */
function stageTable({ stage: open, stages }: Rollout, { colors, columns }: Terminal): string {
  const isWide = columns >= WIDE_COLUMNS;
  const shown = COUNTS.filter(
    (count) =>
      (isWide && ALWAYS.has(count)) ||
      count === 'targeted' ||
      stages.some(({ outcomes }) => (outcomes[count] ?? 0) > 0),
  );
  const hasColumns = isWide || shown.length <= MOST_NARROW_COUNTS;
  const barCells = isWide ? BAR_CELLS : NARROW_BAR_CELLS;
  const rows = stages.map(({ stage, label, percentage, opened_at, outcomes }) => {
    const bar = opened_at === null ? colors.dim(formatBar(0, barCells)) : healthyBar(outcomes, barCells, colors);
    const first = [
      stage === open ? colors.bold(stage) : stage,
      percentage < 100 ? `${percentage} % of ${label}` : label,
      bar,
    ];
    const counts = shown.map((count) => ({ count, shown: String(outcomes[count] ?? NOT_COUNTED_YET) }));
    if (hasColumns) return first.concat(counts.map((one) => one.shown));
    const named = counts.filter((one) => one.shown !== '0').map((one) => `${one.shown}${NO_BREAK}${TITLES[one.count]}`);
    return first.concat(named.join(', '));
  });
  const titles = hasColumns ? shown.map((count) => TITLES[count]) : ['boards'];
  return formatTable(['stage', 'label', 'healthy', ...titles], rows, colors);
}

/** One line for a rollout that is complete and still watched; what goes wrong with it is called besides. */
export function formatWatched(rollout: Rollout, nowMs: number, { colors }: Terminal): string {
  const { name, product, version, status, watched_until } = rollout;
  const watched =
    watched_until === null ? '' : `, its boards are watched; that ends ${relativeTime(watched_until, nowMs)}`;
  return `${colors.bold(printable(name))}  ${product} ${version}  ${colorStatus(status, colors)}${when(rollout, nowMs)}${watched}`;
}

/** What becomes of the devices that run its build, where they are offered the prior stable build. */
export function revertedLine(rollout: Rollout, colors: Colors): readonly string[] {
  if (rollout.reverted_at === null) return [];
  const { version, reverts_to } = rollout;
  return [
    `${colors.red('reverted')}: devices that run ${version} ${reverts_to === null ? 'stay on it, for there is no prior stable build' : `are offered ${reverts_to} with their next check`}`,
  ];
}

/** One line for a log: `canary pilot: targeted 5, offered 1, ...`; only what is not zero. */
export function formatProgressLine(rollout: Rollout): string {
  const stages = rollout.stages
    .filter((one) => one.opened_at !== null)
    .map(({ stage, outcomes }) => {
      const counts = ALL_COUNTS.filter((count) => (outcomes[count] ?? 0) > 0).map(
        (count) => `${outcomes[count]} ${TITLES[count]}`,
      );
      return `${stage}: ${counts.length === 0 ? 'nobody yet' : counts.join(', ')}`;
    });
  return [`${printable(rollout.name)} ${rollout.status}`, ...stages].join('; ');
}

/** What can be done with it now, as the command to type; undefined where it has ended. */
export function nextCommand(rollout: Rollout): string | undefined {
  switch (rollout.status) {
    case 'draft':
      return isNobodyFirst(rollout)
        ? `${OTTER} device label MAC ${rollout.pilot_label}`
        : `${OTTER} rollout start ${rollout.name}`;
    case 'running':
      if (isNobodyFirst(rollout))
        return `${OTTER} rollout abort ${rollout.name} --reason "nobody is in its first stage"`;
      return isForPeople(rollout)
        ? `${OTTER} rollout promote ${rollout.name} --from ${rollout.stage ?? ''}`
        : `${OTTER} rollout show ${rollout.name} --watch`;
    case 'paused':
      return `${OTTER} rollout resume ${rollout.name}`;
    case 'halted':
      return `${OTTER} rollout waiting ${rollout.name}`;
    case 'regressed':
      return `${OTTER} firmware block ${rollout.version} --reason "..."`;
    case 'complete':
    case 'aborted':
      return undefined;
    default:
      return assertNever(rollout.status);
  }
}

/** No device is in the first stage, so that the next one would be opened on no evidence: the server warns of that. */
export function isNobodyFirst({ status, stage, stages: [first], pilot_label, warnings }: Rollout): boolean {
  const isAhead = status === 'draft' ? pilot_label !== GENERAL_LABEL : stage === first?.stage;
  return isAhead && first !== undefined && warnings.some((warning) => warning.startsWith('nobody is in stage'));
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
  waiting: 'waiting',
  updating: 'updating',
  on_trial: 'on trial',
  soaking: 'soaking',
  healthy: 'healthy',
  failed: 'failed',
  crashing: 'crashing',
  lost: 'lost',
  not_now: 'not now',
  other: 'other',
  uncounted: 'uncounted',
  asleep: 'asleep',
} as const;
/** The counts that have a column; `healthy` has the bar. */
const COUNTS = [
  'targeted',
  'waiting',
  'updating',
  'on_trial',
  'soaking',
  'failed',
  'crashing',
  'lost',
  'not_now',
  'other',
  'uncounted',
  'asleep',
] as const;
const ALWAYS: ReadonlySet<string> = new Set(['targeted', 'waiting', 'failed', 'lost']);
const ALL_COUNTS = ['targeted', 'healthy', ...COUNTS.slice(1)] as const;

type Outcomes = Rollout['stages'][number]['outcomes'];

function healthyBar(outcomes: Outcomes, cells: number, colors: Colors): string {
  if (outcomes.targeted === null) return `${colors.dim(formatBar(0, cells))} ${outcomes.healthy}`;
  if (outcomes.targeted === 0) return `${colors.dim(formatBar(0, cells))} 0`;
  const share = outcomes.healthy / outcomes.targeted;
  const isBad = outcomes.failed + outcomes.crashing + outcomes.lost > 0;
  const bar = formatBar(share, cells);
  return `${isBad ? colors.yellow(bar) : colors.green(bar)} ${outcomes.healthy} (${Math.floor(share * 100)} %)`;
}

function when(rollout: Rollout, nowMs: number): string {
  if (rollout.ended_at !== null) return ` ${relativeTime(rollout.ended_at, nowMs)}`;
  if (rollout.started_at !== null) return `, started ${relativeTime(rollout.started_at, nowMs)}`;
  return `, created ${relativeTime(rollout.created_at, nowMs)}`;
}
