// What can be done to the board as a whole.

import { Button } from '@mantine/core';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { useAction } from '#dashboard/data/queries.ts';
import { More, type MoreItem } from '#dashboard/parts/ask/more.tsx';
import type { DeviceDetail } from '#protocol/admin/devices.ts';
import type { AskedKind } from './ask/device-dialog.tsx';

const DeviceDialog = lazy(async () => import('./ask/device-dialog.tsx'));

export function DeviceActions({ detail }: { readonly detail: DeviceDetail }): ReactNode {
  const { device } = detail;
  const [asked, setAsked] = useState<AskedKind>();
  const offer = useAction('offerNow', () => 'It is offered what there is for it with its next check');
  return (
    <>
      <Button variant="default" onClick={() => setAsked('name')}>
        Name and note
      </Button>
      {device.hold === null ? (
        <Button variant="default" onClick={() => setAsked('hold')}>
          Hold
        </Button>
      ) : null}
      <More
        name="More commands"
        size="sm"
        items={itemsOf(detail, setAsked, () => offer.mutate({ params: { device: device.id } }))}
      />
      {asked === undefined ? null : (
        <Suspense>
          <DeviceDialog detail={detail} asked={asked} onClose={() => setAsked(undefined)} />
        </Suspense>
      )}
    </>
  );
}

function itemsOf(
  { device, identity }: DeviceDetail,
  ask: (kind: AskedKind) => void,
  offer: () => void,
): readonly MoreItem[] {
  const isTest = device.counted === 'no';
  return [
    ...(device.offer_now === null ? [{ text: 'Offer now, past windows and pace', onPick: offer }] : []),
    ...(device.cancelled === null ? [{ text: 'Cancel its update', onPick: () => ask('cancel') }] : []),
    { text: 'Skip a version', onPick: () => ask('skip') },
    { text: 'Send back from this build', onPick: () => ask('send_back') },
    isTest
      ? { text: 'No test board any more', onPick: () => ask('auto') }
      : { text: 'Make it a test board', onPick: () => ask('test') },
    { text: 'Replace it by another board', onPick: () => ask('replace') },
    ...(identity.token === 'accepted'
      ? [{ text: 'Revoke its token', isDanger: true, onPick: () => ask('revoke') }]
      : []),
    { text: 'Remove the board', isDanger: true, onPick: () => ask('remove') },
  ];
}
