// Asks before something is done to the board: what it does, and where it stays in the record why.

import type { ReactNode } from 'react';
import { useLocation } from 'wouter';
import { Refusal } from '#dashboard/data/api.ts';
import { useAction } from '#dashboard/data/queries.ts';
import { ActionDialog } from '#dashboard/parts/ask/action-dialog.tsx';
import HoldDialog from '#dashboard/parts/ask/hold-dialog.tsx';
import { deviceName } from '#dashboard/parts/words.ts';
import type { DeviceDetail } from '#protocol/admin/devices.ts';
import NameDialog from './name-dialog.tsx';
import ReplaceDialog from './replace-dialog.tsx';
import SkipDialog from './skip-dialog.tsx';

/** Each has a dialog of its own. */
type OwnKind = 'name' | 'hold' | 'skip' | 'replace';
export type AskedKind = OwnKind | 'cancel' | 'send_back' | 'test' | 'auto' | 'revoke' | 'remove';

interface DeviceDialogProps {
  readonly detail: DeviceDetail;
  readonly asked: AskedKind;
  readonly onClose: () => void;
}

export default function DeviceDialog({ detail, asked, onClose }: DeviceDialogProps): ReactNode {
  const { device } = detail;
  if (asked === 'name') return <NameDialog device={device} onClose={onClose} />;
  if (asked === 'skip') return <SkipDialog device={device} onClose={onClose} />;
  if (asked === 'replace') return <ReplaceDialog device={device} onClose={onClose} />;
  if (asked === 'hold') return <Hold detail={detail} onClose={onClose} />;
  return <Question detail={detail} asked={asked} onClose={onClose} />;
}

type PartProps = Pick<DeviceDialogProps, 'detail' | 'onClose'>;

function Hold({ detail: { device }, onClose }: PartProps): ReactNode {
  const hold = useAction('holdDevice', () => `${deviceName(device)} is held`);
  return (
    <HoldDialog
      title={`Hold ${deviceName(device)}?`}
      confirm="Hold it"
      busy={hold.isPending}
      onClose={onClose}
      onConfirm={(body) => hold.mutate({ params: { device: device.id }, body }, { onSuccess: onClose })}
    >
      It is offered nothing new. An update that is under way goes on. Gates do not wait for it.
    </HoldDialog>
  );
}

interface Ask {
  readonly title: string;
  readonly confirm: string;
  readonly text: string;
  readonly reason?: 'needed' | 'optional';
  readonly isDanger?: true;
  /** After `otter device`. */
  readonly typed: string;
  readonly run: (reason: string | undefined) => void;
}

function Question({ detail, asked, onClose }: PartProps & { readonly asked: Exclude<AskedKind, OwnKind> }) {
  const { busy, asks } = useAsks(detail, onClose);
  const { title, confirm, text, reason, isDanger = false, typed, run } = asks[asked];
  return (
    <ActionDialog
      title={title}
      confirm={confirm}
      danger={isDanger}
      command={`otter device ${typed}`}
      busy={busy}
      {...(reason === undefined ? {} : { reason })}
      onClose={onClose}
      onConfirm={run}
    >
      {text}
    </ActionDialog>
  );
}

function useAsks({ device, assignments }: DeviceDetail, onClose: () => void) {
  const [, go] = useLocation();
  const name = deviceName(device);
  const remove = useAction('removeDevice', ({ mac }) => `${mac} is forgotten`);
  const counted = useAction('setCounted');
  const revoke = useAction('revokeToken', () => 'Its token is revoked');
  const cancel = useAction('cancelUpdate', ({ cancelled }) => `It does not get ${cancelled?.version ?? 'that build'}`);
  const back = useAction('sendBack', ({ cancelled }) => `It goes back from ${cancelled?.version ?? 'its build'}`);
  const { mac } = device;
  const params = { device: device.id };
  const done = { onSettled: onClose };
  const setTest = (value: 'no' | 'auto') => (reason: string | undefined) =>
    counted.mutate({ params, body: { counted: value, ...(reason === undefined ? {} : { reason }) } }, done);
  // Where a rollout under way is concerned, the server asks once more; this dialog has said it.
  const sendBack = (reason: string | undefined): void =>
    back.mutate(
      { params, query: { confirm: 'true' }, body: { reason: reason ?? '' } },
      { onSuccess: onClose, onError: (error) => (error instanceof Refusal ? onClose() : undefined) },
    );
  const asks: Readonly<Record<Exclude<AskedKind, OwnKind>, Ask>> = {
    cancel: {
      title: `Cancel the update of ${name}?`,
      typed: `cancel ${mac}`,
      confirm: 'Cancel the update',
      text: 'What it was offered is taken back, and it is not offered that build again until you let it try.',
      reason: 'needed',
      run: (reason) => cancel.mutate({ params, body: { reason: reason ?? '' } }, done),
    },
    send_back: {
      title: `Send ${name} back from ${device.current_version}?`,
      typed: `send-back ${mac}`,
      confirm: 'Send it back',
      text: 'With its next checks it is offered the build before, and never this one again. Other boards are not concerned.',
      reason: 'needed',
      isDanger: true,
      run: sendBack,
    },
    test: {
      title: `Make ${name} a test board?`,
      typed: `test ${mac} on`,
      confirm: 'Make it one',
      text: 'It still gets updates; what becomes of it neither stops nor promotes a rollout, and it is in no number of the fleet but its own.',
      reason: 'optional',
      run: setTest('no'),
    },
    auto: {
      title: `Is ${name} no test board any more?`,
      typed: `test ${mac} off`,
      confirm: 'Count it again',
      text: 'The rules decide again whether it counts in gates.',
      reason: 'optional',
      run: setTest('auto'),
    },
    revoke: {
      title: `Revoke the token of ${name}?`,
      typed: `revoke ${mac}`,
      confirm: 'Revoke it',
      text: 'It is refused from its next check on, and comes back only when you let it enrol anew. It runs on with what it has.',
      isDanger: true,
      run: () => revoke.mutate({ params }, done),
    },
    remove: {
      title: `Remove ${name}?`,
      typed: `remove ${mac}`,
      confirm: 'Remove',
      text: `Everything that is known of it goes: ${device.labels.length} labels and ${assignments.length} of its latest updates among it. If the board checks in again, it is a new one.`,
      isDanger: true,
      run: () => remove.mutate({ params, query: { confirm: 'true' } }, { onSuccess: () => go('/devices') }),
    },
  };
  return { asks, busy: [remove, counted, revoke, cancel, back].some(({ isPending }) => isPending) };
}
