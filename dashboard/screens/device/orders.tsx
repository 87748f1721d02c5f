// What operators ordered for this board: a hold, a build that it shall not get, an offer past windows and pace. Each with its end.

import { IconBolt, IconLock, IconX } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { sentence, useAction } from '#dashboard/data/queries.ts';
import { HoldText, Order } from '#dashboard/parts/ask/order.tsx';
import { Note } from '#dashboard/parts/note.tsx';
import { actorText } from '#dashboard/parts/text/audit-text.ts';
import { Ago } from '#dashboard/parts/time.tsx';
import type { Device } from '#protocol/admin/devices.ts';

export function Orders({ device }: { readonly device: Device }): ReactNode {
  const { hold, cancelled, offer_now: offerNow } = device;
  const release = useAction('releaseDevice', () => 'It is not held any more');
  const retry = useAction('retryDevice', () => 'It may try again');
  const params = { device: device.id };
  return (
    <>
      {hold === null ? null : (
        <Order
          icon={<IconLock size={18} />}
          button="Release"
          isBusy={release.isPending}
          onClick={() => release.mutate({ params })}
        >
          <b>Held.</b> <HoldText hold={hold} />
        </Order>
      )}
      {cancelled === null ? null : (
        <Order
          icon={<IconX size={18} />}
          button="Let it try again"
          isBusy={retry.isPending}
          onClick={() => retry.mutate({ params })}
        >
          <b>Does not get {cancelled.version}.</b> {sentence(cancelled.reason)} By {actorText(cancelled.by)},{' '}
          <Ago at={cancelled.since} />
          {cancelled.goes_back
            ? `; goes back${cancelled.ran_before === null ? '' : ` to ${cancelled.ran_before}`}`
            : ''}
          .
        </Order>
      )}
      {offerNow === null ? null : (
        <Note tone="good" icon={<IconBolt size={18} />}>
          <b>Offered with its next check,</b> past windows and pace. By {actorText(offerNow.by)},{' '}
          <Ago at={offerNow.since} />; ends <Ago at={offerNow.until} />.
        </Note>
      )}
    </>
  );
}
