// Lets the board leave one version out: the same order as to cancel an update, for a build that it was not offered yet.

import { NativeSelect, Stack, Text } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { useAction, useCall } from '#dashboard/data/queries.ts';
import { ActionDialog } from '#dashboard/parts/ask/action-dialog.tsx';
import { Note } from '#dashboard/parts/note.tsx';
import { deviceName } from '#dashboard/parts/words.ts';
import type { Device } from '#protocol/admin/devices.ts';

interface SkipDialogProps {
  readonly device: Device;
  readonly onClose: () => void;
}

export default function SkipDialog({ device, onClose }: SkipDialogProps): ReactNode {
  const { id, product, current_version: runs, cancelled } = device;
  const firmware = useCall('listFirmware', { query: { product, limit: '100', sort: '-created_at' } });
  const explained = useCall('explainDevice', { params: { device: id } });
  const skip = useAction('cancelUpdate', () => 'It leaves that version out');
  const [chosen, choose] = useState<string>();
  const versions = (firmware.data?.items ?? []).map(({ version }) => version).filter((version) => version !== runs);
  const next = explained.data?.outcome === 'install' ? explained.data.version : null;
  const version = chosen ?? (next !== null && versions.includes(next) ? next : versions[0]);
  return (
    <ActionDialog
      title={`Let ${deviceName(device)} leave a version out?`}
      confirm={version === undefined ? 'Skip it' : `Skip ${version}`}
      reason="needed"
      busy={skip.isPending}
      incomplete={version === undefined}
      onClose={onClose}
      onConfirm={(reason) =>
        skip.mutate(
          { params: { device: id }, body: { reason: reason ?? '', ...(version === undefined ? {} : { version }) } },
          { onSuccess: onClose },
        )
      }
    >
      <Stack gap="md">
        <Text size="sm">
          It is not offered that version until you let it try again. Other versions reach it as before, and gates do not
          wait for it.
        </Text>
        {cancelled === null ? null : (
          <Note tone="warn">It leaves out {cancelled.version} now. A board leaves out one version at a time.</Note>
        )}
        {firmware.data !== undefined && versions.length === 0 ? (
          <Note>There is no other version of {product}.</Note>
        ) : (
          <NativeSelect
            label="Version"
            data={versions.map((one) => ({ value: one, label: one === next ? `${one}, the next for it` : one }))}
            value={version ?? ''}
            onChange={({ currentTarget }) => choose(currentTarget.value)}
          />
        )}
      </Stack>
    </ActionDialog>
  );
}
