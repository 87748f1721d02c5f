// Puts another board in the place of this one, which broke: which board, then what goes over to it, then the question.

import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { useLocation } from 'wouter';
import { Refusal } from '#dashboard/data/api.ts';
import { sentence, useAction, useCall } from '#dashboard/data/queries.ts';
import { Note } from '#dashboard/parts/note.tsx';
import { deviceHref } from '#dashboard/parts/text/links.ts';
import { deviceName } from '#dashboard/parts/words.ts';
import type { Device } from '#protocol/admin/devices.ts';

interface ReplaceDialogProps {
  readonly device: Device;
  readonly onClose: () => void;
}

export default function ReplaceDialog({ device, onClose }: ReplaceDialogProps): ReactNode {
  const [, go] = useLocation();
  const [heir, setHeir] = useState('');
  /** What the server says that would happen, for this board. */
  const [asked, setAsked] = useState<string>();
  const replace = useAction('replaceDevice', ({ by }) => `${deviceName(by)} takes its place`);
  const name = deviceName(device);
  const submit = (): void =>
    replace.mutate(
      {
        params: { device: device.id },
        body: { by: heir.trim() },
        ...(asked === undefined ? {} : { query: { confirm: 'true' } }),
      },
      {
        onSuccess: ({ by }) => {
          onClose();
          go(deviceHref(by.id), { replace: true });
        },
        onError: (error) => {
          if (error instanceof Refusal && error.code === 'confirmation_needed') setAsked(error.message);
        },
      },
    );
  return (
    <Modal opened onClose={onClose} title={`Replace ${name}?`} styles={{ title: { fontWeight: 620 } }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Stack gap="md">
          <Text size="sm">
            For a board that broke: its labels, name, note and hold go over to another one, and it is removed. The other
            board has to have checked in.
          </Text>
          <TextInput
            label="The board that takes its place"
            description="Its MAC or name."
            value={heir}
            maxLength={64}
            list="newest-boards"
            autoComplete="off"
            spellCheck={false}
            onChange={({ currentTarget }) => {
              setHeir(currentTarget.value);
              setAsked(undefined);
            }}
            data-autofocus
          />
          <NewestBoards except={device.id} />
          {asked === undefined ? null : <Note tone="warn">{sentence(asked)}</Note>}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button
              type="submit"
              color={asked === undefined ? 'otter' : 'red.9'}
              loading={replace.isPending}
              disabled={heir.trim() === ''}
            >
              {asked === undefined ? 'Show what goes over' : 'Replace it'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** A board that takes the place of another is most often one that came lately. */
function NewestBoards({ except }: { readonly except: string }): ReactNode {
  const newest = useCall('listDevices', { query: { sort: '-first_seen_at', limit: '20' } });
  return (
    <datalist id="newest-boards">
      {(newest.data?.items ?? [])
        .filter(({ id }) => id !== except)
        .map(({ id, mac, name, product }) => (
          <option key={id} value={mac} label={[...(name === null ? [] : [name]), product].join(', ')} />
        ))}
    </datalist>
  );
}
