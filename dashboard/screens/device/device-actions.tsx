// What can be done to the board as a whole.

import { type ReactNode, useState } from 'react';
import { useLocation } from 'wouter';
import { useAction } from '#dashboard/data/queries.ts';
import { ActionDialog } from '#dashboard/parts/ask/action-dialog.tsx';
import { More } from '#dashboard/parts/ask/more.tsx';
import type { DeviceDetail } from '#protocol/admin/devices.ts';

type Asked = 'remove' | 'no' | 'auto';

export function DeviceActions({ detail: { device, assignments } }: { readonly detail: DeviceDetail }): ReactNode {
  const [, go] = useLocation();
  const [asked, setAsked] = useState<Asked>();
  const remove = useAction('removeDevice', ({ mac }) => `${mac} is forgotten`);
  const counted = useAction('setCounted');
  const onClose = (): void => setAsked(undefined);
  const params = { device: device.id };
  return (
    <>
      <More
        name="More commands"
        size="sm"
        items={[
          device.counted === 'no'
            ? { text: 'Count it in gates again', onPick: () => setAsked('auto') }
            : { text: 'Do not count it in gates', onPick: () => setAsked('no') },
          { text: 'Remove the board', isDanger: true, onPick: () => setAsked('remove') },
        ]}
      />
      {asked === 'remove' ? (
        <ActionDialog
          title={`Remove ${device.mac}?`}
          confirm="Remove"
          danger
          busy={remove.isPending}
          onClose={onClose}
          onConfirm={() => remove.mutate({ params, query: { confirm: 'true' } }, { onSuccess: () => go('/devices') })}
        >
          Everything that is known of it goes: {device.labels.length} labels and {assignments.length} of its latest
          updates among it. If the board checks in again, it is a new one.
        </ActionDialog>
      ) : null}
      {asked === 'no' || asked === 'auto' ? (
        <ActionDialog
          title={asked === 'no' ? 'Do not count it in gates?' : 'Count it in gates again?'}
          confirm={asked === 'no' ? 'Do not count it' : 'Count it'}
          reason="optional"
          busy={counted.isPending}
          onClose={onClose}
          onConfirm={(reason) =>
            counted.mutate(
              { params, body: { counted: asked, ...(reason === undefined ? {} : { reason }) } },
              { onSettled: onClose },
            )
          }
        >
          {asked === 'no'
            ? 'It still gets updates; what becomes of it neither stops nor promotes a rollout. Right for a board on the bench.'
            : 'The rules decide again whether it counts.'}
        </ActionDialog>
      ) : null}
    </>
  );
}
