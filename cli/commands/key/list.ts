// `otter key list` and `otter key retire`: which keys are trusted, what needs them, and that one counts no more.

import type { CommandGroup } from '#cli/program.ts';
import { confirm, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { type Colors, formatTable } from '#cli/terminal.ts';
import type { ReleaseKey } from '#protocol/admin/fleet/release-keys.ts';
import { CommandError } from '#cli/exit-code.ts';
import { OTTER } from '#cli/program-place.ts';
import { KEY_ID_PATTERN } from '#protocol/words.ts';

export function addKeyList(key: CommandGroup, shell: Shell): void {
  key
    .command('list')
    .description('release keys, how many boards know each, and whether it is safe to retire')
    .action(async (_options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const answer = await client.call('getReleaseKeys', {});
        show(answer, () => formatKeys(answer.items, Date.now(), terminal.colors));
      });
    });
}

export function addKeyRetire(key: CommandGroup, shell: Shell): void {
  key
    .command('retire <key-id>')
    .description('signatures of this key count no more; refused while boards or builds have no other')
    .option('--product <product>', 'the key that is trusted for this product alone')
    .option('--reason <text>', 'why, for the list')
    .option('--force', 'also where boards or builds need it: a stolen key')
    .option('--yes', 'do not ask')
    .action(async (keyId, options, command) => {
      if (!new RegExp(KEY_ID_PATTERN).test(keyId))
        throw CommandError.own(
          'argument_invalid',
          `key id ${JSON.stringify(keyId)} is invalid`,
          `see ${OTTER} key list: 16 hex digits`,
        );
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const { product, reason, force } = options;
        const { items } = await client.call('getReleaseKeys', {});
        const found = items.find((one) => one.key_id === keyId && one.product === (product ?? null));
        const needs = found === undefined || found.needed_by.length === 0 ? '' : ` (${found.needed_by.join('; ')})`;
        if (force === true) await confirm(shell, options, `Retire key ${keyId}${needs}`);
        const body = { product, reason, ...(force === true ? { force } : {}) };
        const retired = await client.call('retireReleaseKey', { params: { key: keyId }, body });
        show(retired, () => `key ${retired.key_id} is retired: builds that it alone signed are not offered any more`);
      });
    });
}

function formatKeys(keys: readonly ReleaseKey[], nowMs: number, colors: Colors): string {
  if (keys.length === 0)
    return `no release key is trusted: the server takes builds that nobody signed\nnext: ${OTTER} key create`;
  const rows = keys.map((key) => [
    key.key_id,
    key.product ?? 'all',
    key.retired_at === null ? 'trusted' : `retired ${relativeTime(key.retired_at, nowMs)}`,
    String(key.devices),
    String(key.dependent_devices),
    key.retired_at === null ? (key.safe_to_retire ? 'yes' : 'no') : '',
  ]);
  const table = formatTable(['key', 'product', 'state', 'boards', 'no other key', 'safe to retire'], rows, colors);
  const reasons = keys.filter(({ retired_at }) => retired_at === null).flatMap(reasonsOf);
  return [table, ...(reasons.length > 0 ? [reasons.join('\n')] : [])].join('\n\n');
}

/** Why it is not safe to retire, and some of the boards. */
function reasonsOf({ key_id, needed_by, examples }: ReleaseKey): readonly string[] {
  const boards =
    examples.length === 0
      ? []
      : [
          `boards in the way: ${examples.join(', ')}; all that know it: ${OTTER} device list --where 'release_key = ${key_id}'`,
        ];
  return [...needed_by, ...boards].map((reason) => `${key_id}: ${reason}`);
}
