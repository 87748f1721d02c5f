// Asks for a hold: why, until when, and whether it keeps a board also on a bad build. Of one board, or of all boards of a product.

import { Checkbox, NativeSelect, Stack, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { NewHold } from '#protocol/admin/devices.ts';
import { ActionDialog } from './action-dialog.tsx';

interface HoldDialogProps {
  readonly title: string;
  readonly confirm: string;
  readonly children: ReactNode;
  readonly busy: boolean;
  readonly onConfirm: (hold: NewHold) => void;
  readonly onClose: () => void;
}

const HOUR_MS = 3_600_000;
const ENDS = [
  { value: 'never', label: 'somebody ends it' },
  { value: '1', label: 'in 1 hour' },
  { value: '12', label: 'in 12 hours' },
  { value: '24', label: 'in 1 day' },
  { value: '168', label: 'in 1 week' },
  { value: 'other', label: 'a day and time …' },
] as const;

export default function HoldDialog({ title, confirm, children, busy, onConfirm, onClose }: HoldDialogProps): ReactNode {
  const [end, setEnd] = useState<string>('never');
  const [at, setAt] = useState('');
  const [isFixed, setFixed] = useState(false);
  const until = end === 'never' ? undefined : end === 'other' ? instantOf(at) : inHours(Number(end));
  const isIncomplete = end === 'other' && until === undefined;
  return (
    <ActionDialog
      title={title}
      confirm={confirm}
      reason="needed"
      busy={busy}
      incomplete={isIncomplete}
      onClose={onClose}
      onConfirm={(reason) =>
        onConfirm({
          reason: reason ?? '',
          ...(until === undefined ? {} : { until }),
          ...(isFixed ? { way_back: 'hold' } : {}),
        })
      }
    >
      <Stack gap="md">
        <div>{children}</div>
        <NativeSelect
          label="Until"
          data={[...ENDS]}
          value={end}
          onChange={({ currentTarget }) => setEnd(currentTarget.value)}
        />
        {end === 'other' ? (
          <TextInput
            type="datetime-local"
            label="Day and time"
            description={`In the zone of this computer, ${Intl.DateTimeFormat().resolvedOptions().timeZone}`}
            value={at}
            onChange={({ currentTarget }) => setAt(currentTarget.value)}
          />
        ) : null}
        <Checkbox
          label="Also on a build that is blocked or reverted"
          description="Without it, a board may still leave a bad build."
          checked={isFixed}
          onChange={({ currentTarget }) => setFixed(currentTarget.checked)}
        />
      </Stack>
    </ActionDialog>
  );
}

function inHours(hours: number): string {
  return new Date(Date.now() + hours * HOUR_MS).toISOString();
}

function instantOf(local: string): string | undefined {
  const at = Date.parse(local);
  return Number.isNaN(at) ? undefined : new Date(at).toISOString();
}
