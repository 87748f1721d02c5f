// Asks for a hold: why, until when, and whether it keeps a board also on a bad build. Of one board, or of all boards of a product.

import { Stack } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { NewHold } from '#protocol/admin/devices.ts';
import { ActionDialog } from './action-dialog.tsx';
import { HOLD_WITHOUT_END, HoldEnd } from './hold-end.tsx';

interface HoldDialogProps {
  readonly title: string;
  readonly confirm: string;
  readonly children: ReactNode;
  readonly busy: boolean;
  readonly onConfirm: (hold: NewHold) => void;
  readonly onClose: () => void;
}

export default function HoldDialog({ title, confirm, children, busy, onConfirm, onClose }: HoldDialogProps): ReactNode {
  const [end, setEnd] = useState(HOLD_WITHOUT_END);
  const { until, isFixed, isUnfinished } = end;
  return (
    <ActionDialog
      title={title}
      confirm={confirm}
      reason="needed"
      busy={busy}
      incomplete={isUnfinished}
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
        <HoldEnd value={end} onChange={setEnd} />
      </Stack>
    </ActionDialog>
  );
}
