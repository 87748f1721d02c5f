// Asks before something is done: what it does, to how many boards, and where it helps a reason for the record.

import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { Command } from '#dashboard/parts/command.tsx';

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
  /** The same on the command line, without its reason: `otter rollout pause 1.2.0`. */
  readonly command?: string;
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
    command,
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
          {command === undefined ? null : (
            <details>
              <summary style={{ fontSize: 13, cursor: 'pointer' }}>The same as a command</summary>
              <div style={{ marginTop: 8 }}>
                <Command text={withReason(command, said)} />
              </div>
            </details>
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

/** In single quotes, where a shell leaves every character as it is. */
function withReason(command: string, said: string): string {
  return said === '' ? command : `${command} --reason '${said.replaceAll("'", String.raw`'\''`)}'`;
}
