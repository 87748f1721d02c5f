// Asks before something is done: what it does, to how many boards, and where it helps a reason for the record.

import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';

interface ActionDialogProps {
  readonly title: string;
  readonly children: ReactNode;
  readonly confirm: string;
  readonly danger?: boolean;
  /** `needed`: the server refuses without one. */
  readonly reason?: 'optional' | 'needed';
  readonly busy?: boolean;
  /** Something above the buttons is still to be filled in. */
  readonly incomplete?: boolean;
  readonly onConfirm: (reason: string | undefined) => void;
  readonly onClose: () => void;
}

export function ActionDialog(props: ActionDialogProps): ReactNode {
  const {
    title,
    children,
    confirm,
    danger = false,
    reason,
    busy = false,
    incomplete = false,
    onConfirm,
    onClose,
  } = props;
  const [text, setText] = useState('');
  const said = text.trim();
  return (
    <Modal opened onClose={onClose} title={title} styles={{ title: { fontWeight: 620 } }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onConfirm(said === '' ? undefined : said);
        }}
      >
        <Stack gap="md">
          <div style={{ fontSize: 14, lineHeight: 1.55 }}>{children}</div>
          {reason === undefined ? null : (
            <TextInput
              label={reason === 'needed' ? 'Reason' : 'Reason (optional)'}
              description="It stays in the audit."
              required={reason === 'needed'}
              maxLength={200}
              value={text}
              onChange={({ currentTarget }) => setText(currentTarget.value)}
              data-autofocus
            />
          )}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button
              type="submit"
              color={danger ? 'red.9' : 'otter'}
              loading={busy}
              disabled={incomplete || (reason === 'needed' && said === '')}
            >
              {confirm}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
