// What people call the board, and what they wrote down about it.

import { Button, Group, Modal, Stack, Textarea, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { useAction } from '#dashboard/data/queries.ts';
import type { Device } from '#protocol/admin/devices.ts';
import { MAX_GIVEN_NAME_CHARS, MAX_NOTE_CHARS } from '#protocol/limits.ts';

interface NameDialogProps {
  readonly device: Device;
  readonly onClose: () => void;
}

export default function NameDialog({ device, onClose }: NameDialogProps): ReactNode {
  const setName = useAction('nameDevice');
  const setNote = useAction('noteDevice');
  const [name, writeName] = useState(device.name ?? '');
  const [note, writeNote] = useState(device.note?.text ?? '');
  const params = { device: device.id };
  const save = async (): Promise<void> => {
    if (name.trim() !== (device.name ?? '')) await setName.mutateAsync({ params, body: { name: name.trim() } });
    if (note !== (device.note?.text ?? '')) await setNote.mutateAsync({ params, body: { note } });
    onClose();
  };
  return (
    <Modal opened onClose={onClose} title="Name and note" styles={{ title: { fontWeight: 620 } }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          // What was refused is told, and the dialog stays.
          save().catch(() => undefined);
        }}
      >
        <Stack gap="md">
          <TextInput
            label="Name"
            description="No other board has it. Empty: the board is called by its MAC."
            value={name}
            maxLength={MAX_GIVEN_NAME_CHARS}
            onChange={({ currentTarget }) => writeName(currentTarget.value)}
            data-autofocus
          />
          <Textarea
            label="Note"
            description="For people; no rule reads it."
            value={note}
            maxLength={MAX_NOTE_CHARS}
            autosize
            minRows={3}
            maxRows={10}
            onChange={({ currentTarget }) => writeNote(currentTarget.value)}
          />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={setName.isPending || setNote.isPending}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
