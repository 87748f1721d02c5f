// Who speaks for this board, where that needs a person: two who claim it, a token that was revoked, boards that ask to be let in.

import { IconFingerprint } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useAction } from '#dashboard/data/queries.ts';
import { Order } from '#dashboard/parts/ask/order.tsx';
import { Note } from '#dashboard/parts/note.tsx';
import { Ago } from '#dashboard/parts/time.tsx';
import type { DeviceIdentity } from '#protocol/admin/fleet/enrolments.ts';

export function Identity({ identity }: { readonly identity: DeviceIdentity }): ReactNode {
  const { mac, token, claimed_twice_at: claimed, open_until: open, pending } = identity;
  const accept = useAction('acceptEnrolment', () => 'It speaks with its own token from now on');
  const reopen = useAction(
    'reopenEnrolment',
    () => 'The next token that it brings is its own: it asks at most once an hour',
  );
  const params = { device: mac };
  const isOpen = open !== null && Date.parse(open) > Date.now();
  const needsWindow = (claimed !== null || token === 'revoked') && !isOpen;
  return (
    <>
      {needsWindow ? (
        <Order
          icon={<IconFingerprint size={18} />}
          button="Let it enrol anew"
          isBusy={reopen.isPending}
          onClick={() => reopen.mutate({ params })}
        >
          {claimed === null ? (
            <>
              <b>Its token was revoked.</b> It is offered nothing until it is let in again.
            </>
          ) : (
            <>
              <b>Claimed twice.</b> Somebody speaks for it with the fleet token beside its own, since{' '}
              <Ago at={claimed} />; the fleet token is offered nothing.
            </>
          )}
        </Order>
      ) : null}
      {isOpen ? (
        <Note tone="good" icon={<IconFingerprint size={18} />}>
          <b>It may enrol anew</b> until <Ago at={open} />; the first who does has it.
        </Note>
      ) : null}
      {pending.map((one) => (
        <Order
          key={one.token_prefix}
          icon={<IconFingerprint size={18} />}
          button="Let it in"
          isBusy={accept.isPending}
          onClick={() => accept.mutate({ params, query: { prefix: one.token_prefix } })}
        >
          <b>Asks to be let in</b> with token {one.token_prefix}… from {one.address}, <Ago at={one.asked_at} />.{' '}
          {one.has_token ? 'It would take the place of the token that this board has.' : ''}
        </Order>
      ))}
    </>
  );
}

/** For the list of facts. */
export function tokenText({ token, spoke_last: side, token_prefix: prefix }: DeviceIdentity): string {
  if (token === 'none') return 'the fleet token';
  if (token === 'revoked') return 'revoked';
  return side === 'fleet_token'
    ? `its own (${prefix ?? ''}…), but spoke with the fleet token`
    : `its own (${prefix ?? ''}…)`;
}
