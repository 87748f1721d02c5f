// One device, and the decision about it, as text.

import { holdText } from './hold.ts';
import { deviceText, noteText } from './note.ts';
import { exactDuration, relativeTime } from './relative-time.ts';
import { type Colors, formatFacts, formatTable, printable } from '#cli/terminal.ts';
import type { Assignment, ClearedBuild, DeviceDetail, Explanation } from '#protocol/admin/devices.ts';

export function formatDevice(detail: DeviceDetail, nowMs: number, colors: Colors): string {
  const { device, names, builds, assignments } = detail;
  const facts = formatFacts(
    [
      ['id', device.id],
      ['name', device.name ?? undefined],
      ['mac', names.map(({ name }) => name).join(', ')],
      ['product', device.product],
      ['version', device.current_version],
      ['status', device.status],
      ['held', device.hold === null ? undefined : holdText(device.hold, nowMs)],
      ['note', noteText(device.note, nowMs)],
      ['cancelled', cancelledText(device)],
      ['offered now', device.offer_now === null ? undefined : `until ${relativeTime(device.offer_now.until, nowMs)}`],
      ['labels', device.labels.length === 0 ? 'none' : device.labels.join(', ')],
      ['chip', device.chip ?? undefined],
      ['address', device.ip ?? undefined],
      ['counts in gates', countsText(device)],
      ['was removed', removedText(detail, nowMs)],
      ['first seen', relativeTime(device.first_seen_at, nowMs)],
      ['last seen', relativeTime(device.last_seen_at, nowMs)],
      ['usual gap', gapText(device)],
      ...Object.entries(device.attributes)
        .filter(([key]) => key !== 'unreadable')
        .map(([key, value]) => [key, asText(value)] as const),
    ],
    colors,
  );
  const notes = device.notes.map((note) => `${colors.yellow('note:')} ${printable(note)}`).join('\n');
  return [facts, notes, formatBuilds(builds, nowMs, colors), formatAssignments(assignments, nowMs, colors)]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** How long it takes from check to check, and what is odd about that. */
export function gapText({ rhythm: { usual_gap_s: gap, overdue, flapping } }: DeviceDetail['device']): string {
  const known = gap === null ? [] : [exactDuration(gap)];
  return [...known, ...(overdue ? ['overdue'] : []), ...(flapping ? ['flapping'] : [])].join(', ');
}

/** A device with this MAC was there before. */
function removedText({ removed }: DeviceDetail, nowMs: number): string | undefined {
  if (removed === null) return undefined;
  const { device_id, at, by, replaced_by, came_back_at } = removed;
  const heir = replaced_by === null ? '' : `, replaced by ${replaced_by}`;
  const back = came_back_at === null ? '' : `, came back ${relativeTime(came_back_at, nowMs)}`;
  return `as ${device_id} ${relativeTime(at, nowMs)} (by ${by})${heir}${back}`;
}

function cancelledText({ cancelled }: DeviceDetail['device']): string | undefined {
  if (cancelled === null) return undefined;
  const { version, goes_back, reason, by } = cancelled;
  return `${version}${goes_back ? ', sent back from it' : ''}: ${printable(reason)} (${printable(by)})`;
}

/** The decision as a sentence, then the rules in their order with a mark at the one that decided. */
export function formatExplanation(explanation: Explanation, colors: Colors): string {
  const rows = explanation.rules.map(({ rule, matched, facts }) => {
    if (matched === true) return [colors.bold('>'), colors.bold(rule), facts];
    return ['', matched === null ? colors.dim(rule) : rule, matched === null ? colors.dim('not reached') : facts];
  });
  const outcome = explanation.version === null ? explanation.outcome : `${explanation.outcome} ${explanation.version}`;
  return [
    `${deviceText(explanation)}: ${colors.bold(outcome)}, ${explanation.text} (${explanation.reason})`,
    ...boardLine(explanation, colors),
    ...(explanation.to_change === null ? [] : [`what would change that: ${explanation.to_change}`]),
    formatTable(['', 'rule', 'what it saw'], rows, colors),
  ].join('\n\n');
}

/** What became of the device under the build that it was offered last. */
function boardLine({ board }: Explanation, colors: Colors): readonly string[] {
  if (board === null) return [];
  const { version, rollout, outcome, text, not_counted } = board;
  const counted = not_counted === null ? '' : `; not counted in its gates (${not_counted})`;
  return [`under ${version} of rollout ${rollout}: ${colors.bold(outcome)}, ${text}${counted}`];
}

function countsText({ counted, counted_reason, not_counted }: DeviceDetail['device']): string | undefined {
  const why = counted_reason === null ? '' : `: ${counted_reason}`;
  if (counted === 'yes') return `yes, as an operator said${why}`;
  if (counted === 'no') return `no (test), as an operator said${why}`;
  // Whether there are real boards is a question of each rollout.
  if (not_counted === 'simulated') return 'not beside real boards (simulated)';
  return not_counted === null ? undefined : `no (${not_counted})`;
}

/** What stood against each build, and what the device needs besides. */
export function formatCleared(mac: string, builds: readonly ClearedBuild[]): string {
  if (builds.length === 0) return `no such build has failed on ${mac}`;
  const lines = builds.flatMap(({ product, version, failures, known_bad, last_error, note }) => {
    const times = `failed ${failures === 1 ? 'once' : `${failures} times`}, last error ${last_error ?? 'unknown'}`;
    const was = `${product} ${version}: ${times}${known_bad ? ', was known bad' : ''}`;
    return note === null ? [`  ${was}`] : [`  ${was}`, `    ${note}`];
  });
  return [`cleared on ${mac}, and offered again where a rollout includes it:`, ...lines].join('\n');
}

function formatBuilds(builds: DeviceDetail['builds'], nowMs: number, colors: Colors): string {
  if (builds.length === 0) return '';
  const rows = builds.map((build) => [
    `${build.product} ${build.version}`,
    `${build.failures}`,
    build.known_bad ? colors.red('not offered again') : `offered again ${relativeTime(build.next_offer_at, nowMs)}`,
    build.last_error ?? '',
    relativeTime(build.last_failed_at, nowMs),
  ]);
  return formatTable(['failed build', 'times', 'now', 'last error', 'when'], rows, colors);
}

function formatAssignments(assignments: readonly Assignment[], nowMs: number, colors: Colors): string {
  if (assignments.length === 0) return '';
  const rows = assignments.map((one) => [
    String(one.id),
    `${one.version}${one.rollback ? ' (rollback)' : ''}`,
    one.rollout,
    one.stage,
    one.state,
    one.outcome === null || one.outcome === one.state ? '' : one.outcome,
    [one.error_code, one.detail].filter((part) => part !== null).join(': '),
    relativeTime(one.updated_at, nowMs),
  ]);
  return formatTable(
    ['assignment', 'version', 'rollout', 'stage', 'state', 'outcome', 'error', 'changed'],
    rows,
    colors,
  );
}

function asText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
