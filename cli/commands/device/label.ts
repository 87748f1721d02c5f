// `otter device label` and `otter device unlabel`: of one device, or of all that a query means.

import { InvalidArgumentError } from '@commander-js/extra-typings';
import { readDevice } from '#cli/arguments.ts';
import { callConfirmed } from '#cli/confirmed-call.ts';
import { CommandError } from '#cli/exit-code.ts';
import type { CommandGroup } from '#cli/program.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import type { Device } from '#protocol/admin/devices.ts';
import { bulkLimit, type BulkOptions, bulkWhere, changeMeant } from './bulk.ts';

const YES = 'do not ask, even where it changes a rollout that is under way';

export function addLabelsOfDevices(device: CommandGroup, shell: Shell): void {
  device
    .command('label')
    .description('put a label on a device, or with --where on all that a query means')
    .usage('[options] <device> <label> | <label> --where <query>')
    .argument('<device-or-label>', 'MAC address in any spelling, the name, or the id; with --where the label')
    .argument('[label]')
    .addOption(bulkWhere())
    .addOption(bulkLimit())
    .option('--yes', YES)
    .action(async (first, second, options, command) => {
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const { ref, label } = readLabelled(first, second, options);
        if (ref === undefined) {
          const words = { ask: `put label ${label} on`, done: `label ${label} put on` };
          return changeMeant(session, shell, options, { verb: 'label', label }, words);
        }
        const changed = await callConfirmed(shell, options, async (confirmed) =>
          session.client.call('labelDevice', { params: { device: ref, name: label }, query: { confirm: confirmed } }),
        );
        return session.show(changed, () => `${ref} has ${labelsText(changed)}`);
      });
    });

  device
    .command('unlabel')
    .description('take a label off a device, or with --where off all that a query means')
    .usage('[options] <device> <label> | <label> --where <query>')
    .argument('<device-or-label>', 'MAC address in any spelling, the name, or the id; with --where the label')
    .argument('[label]')
    .addOption(bulkWhere())
    .addOption(bulkLimit())
    .option('--yes', YES)
    .action(async (first, second, options, command) => {
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const { ref, label } = readLabelled(first, second, options);
        if (ref === undefined) {
          const words = { ask: `take label ${label} off`, done: `label ${label} taken off` };
          return changeMeant(session, shell, options, { verb: 'unlabel', label }, words);
        }
        const changed = await callConfirmed(shell, options, async (confirmed) =>
          session.client.call('unlabelDevice', { params: { device: ref, name: label }, query: { confirm: confirmed } }),
        );
        return session.show(changed, () => `${ref} has ${labelsText(changed)}`);
      });
    });
}

/** With a query there is no device, and the label comes first. Errors: `usage`. */
function readLabelled(
  first: string,
  second: string | undefined,
  { where, limit }: BulkOptions,
): { readonly ref: string | undefined; readonly label: string } {
  if (where !== undefined && second === undefined) return { ref: undefined, label: first };
  if (where !== undefined)
    throw CommandError.usage(`both ${first} and --where are said`, 'say one device, or --where QUERY');
  if (second === undefined)
    throw CommandError.usage('the label is missing', 'say a device and a label, or a label and --where QUERY');
  if (limit !== undefined) throw CommandError.usage('--limit is for --where', 'say --where, or leave it out');
  try {
    return { ref: readDevice(first), label: second };
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw CommandError.usage(`device ${first} is invalid`, error.message);
  }
}

function labelsText({ labels }: Device): string {
  if (labels.length === 0) return 'no label';
  return `${labels.length === 1 ? 'label' : 'labels'} ${labels.join(', ')}`;
}
