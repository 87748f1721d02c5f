// The preview of a rollout as text: what each stage takes, who is left out and why, and what stands in the way.

import { colorStatus } from './rollout.ts';
import { formatTable, printable, type Terminal } from '#cli/terminal.ts';
import type { RolloutPreview } from '#protocol/admin/rollouts.ts';

const SHOWN_EXAMPLES = 3;

export function formatPreview(preview: RolloutPreview, { colors }: Terminal): string {
  const { rollout, product, version, status, stages, left_out, not_in_any_stage, total, warnings } = preview;
  const head = `${colors.bold(printable(rollout))}  ${product} ${version}  ${colorStatus(status, colors)}, ${total} devices of the product`;
  const rows = stages.map(({ stage, label, percentage, opened, devices, silent, examples }) => [
    stage,
    percentage < 100 ? `${percentage} % of ${label}` : label,
    opened ? 'open' : 'to come',
    String(devices),
    String(silent),
    nameSome(examples, devices),
  ]);
  const table = formatTable(['stage', 'label', '', 'devices', 'silent', 'such as'], rows, colors);
  const leftOut = left_out.map(
    ({ reason, text, devices, examples }) =>
      `left out: ${devices} ${colors.bold(printable(reason))}: ${printable(text)} (${nameSome(examples, devices)})`,
  );
  const outside = not_in_any_stage === 0 ? [] : [`in no stage: ${not_in_any_stage}`];
  const notes = warnings.map((warning) => `${colors.yellow('note')}: ${printable(warning)}`);
  return [head, table, ...leftOut, ...outside, ...notes].join('\n');
}

function nameSome(examples: readonly string[], devices: number): string {
  const shown = examples.slice(0, SHOWN_EXAMPLES);
  return shown.join(', ') + (devices > shown.length ? ', ...' : '');
}
