// `otter device enrolments`, `accept`, `revoke` and `reenrol`: the tokens that boards have of their own.

import { callConfirmed } from '#cli/confirmed-call.ts';
import { CommandError } from '#cli/exit-code.ts';
import { addListCommand, showList } from '#cli/paging.ts';
import type { CommandGroup } from '#cli/program.ts';
import { OTTER } from '#cli/program-place.ts';
import { withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { relativeTime } from '#cli/views/relative-time.ts';
import { addBulkCommand } from './bulk.ts';
import { deviceArgument, deviceOrNone } from './device-argument.ts';

export function addTokensOfDevices(device: CommandGroup, shell: Shell): void {
  addEnrolments(device, shell);
  addAccept(device, shell);
  addRevoke(device, shell);
}

function addEnrolments(device: CommandGroup, shell: Shell): void {
  addListCommand(device, {
    name: 'enrolments',
    description: 'boards that ask to enrol, and wait for a person',
    sortFields: 'asked_at',
  }).action(async (options, command) => {
    await withSession(shell, command.optsWithGlobals(), async (session) => {
      await showList(session, options, async (query) => session.client.call('listEnrolments', { query }), {
        head: ['mac', 'token', 'asked', 'from', 'has a token', 'claimed twice'],
        row: (one) => [
          one.mac,
          one.token_prefix,
          relativeTime(one.asked_at, Date.now()),
          one.address,
          one.has_token ? 'yes' : '',
          one.claimed_twice ? 'yes' : '',
        ],
        empty: 'no board waits',
      });
    });
  });
}

function addAccept(device: CommandGroup, shell: Shell): void {
  device
    .command('accept')
    .description('let a board in with the token that it asked with; it takes the place of one that it has')
    .addArgument(deviceOrNone())
    .option('--token <prefix>', 'which, where it asked with several: how the digest begins')
    .option('--all', 'every board that asked with one token alone, and whose token was not revoked')
    .option('--yes', 'do not ask')
    .action(async (ref, options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        if (options.all === true && ref === undefined) {
          const done = await callConfirmed(shell, options, async (confirmed) =>
            client.call('acceptEnrolments', { query: { confirm: confirmed } }),
          );
          show(done, () =>
            [
              `${done.accepted} boards speak with the token that they asked with`,
              ...(done.ambiguous === 0
                ? []
                : [`${done.ambiguous} asked with several tokens and wait, such as ${done.examples.join(', ')}`]),
              ...(done.revoked === 0
                ? []
                : [`${done.revoked} whose token was revoked wait, each for ${OTTER} device accept MAC`]),
            ].join('\n'),
          );
          return;
        }
        if (ref === undefined || options.all === true)
          throw CommandError.usage('name one device, or say --all', `see who waits: ${OTTER} device enrolments`);
        const accepted = await client.call('acceptEnrolment', {
          params: { device: ref },
          query: { prefix: options.token },
        });
        show(accepted, () => `${accepted.mac} speaks with its own token ${accepted.token_prefix ?? ''}...`);
      });
    });
}

function addRevoke(device: CommandGroup, shell: Shell): void {
  addBulkCommand(device, shell, {
    name: 'revoke',
    description: 'end the token of a board at once; it is offered nothing until a person lets it in again',
    verb: 'revoke',
    words: { ask: 'revoke the token of', done: 'revoked the token of' },
    changeOne: async ({ client, show }, ref) => {
      const revoked = await client.call('revokeToken', { params: { device: ref } });
      show(revoked, () =>
        [`the token of ${revoked.mac} is revoked`, `let it in again: ${OTTER} device reenrol ${revoked.mac}`].join(
          '\n',
        ),
      );
    },
  });

  device
    .command('reenrol')
    .description('let a board in with the next token that it brings: a board asks at most once an hour')
    .addArgument(deviceArgument())
    .action(async (ref, _options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show }) => {
        const opened = await client.call('reopenEnrolment', { params: { device: ref } });
        show(opened, () =>
          [
            `${opened.mac} may enrol until ${opened.open_until ?? ''}; the first who does has it`,
            'a board asks at most once an hour, with a check',
            ...opened.pending.map(
              ({ token_prefix: prefix, address }) =>
                `it asked already, from ${address}: ${OTTER} device accept ${opened.mac} --token ${prefix} lets that one in at once`,
            ),
          ].join('\n'),
        );
      });
    });
}
