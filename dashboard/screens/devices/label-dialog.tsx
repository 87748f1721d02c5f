// Puts a label on many boards: all of a thousand at a time, or none. Where a rollout under way has a stage for it, it asks again.

import { Autocomplete, Button, Group, Modal, Stack } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { call, Refusal } from '#dashboard/data/api.ts';
import { sentence, tell, tellError, useCall } from '#dashboard/data/queries.ts';
import { Note } from '#dashboard/parts/note.tsx';
import { boards } from '#dashboard/parts/words.ts';

const AT_ONCE = 1_000;

export default function LabelDialog({
  macs,
  onClose,
}: {
  readonly macs: readonly string[];
  readonly onClose: () => void;
}): ReactNode {
  const client = useQueryClient();
  const labels = useCall('listLabels', { query: { limit: '500' } });
  const [name, setName] = useState('');
  const [warning, setWarning] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const put = async (): Promise<void> => {
    let changed = 0;
    for (let start = 0; start < macs.length; start += AT_ONCE) {
      const answer = await call('labelDevices', {
        params: { name },
        body: { macs: macs.slice(start, start + AT_ONCE), ...(warning === undefined ? {} : { confirm: true }) },
      });
      changed += answer.changed;
    }
    tell(`${boards(changed)} got label ${name}`);
    onClose();
  };
  const submit = (): void => {
    setBusy(true);
    put()
      .catch((error: Error) => {
        if (error instanceof Refusal && error.code === 'confirmation_needed') setWarning(error.message);
        else tellError(error);
      })
      .finally(() => {
        setBusy(false);
        void client.invalidateQueries();
      });
  };
  return (
    <Modal opened onClose={onClose} title={`Label ${boards(macs.length)}`}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Stack gap="md">
          <Autocomplete
            label="Label"
            description="One that there is, or a new one: lower-case letters, digits, dot, dash, underscore."
            data={(labels.data?.items ?? []).map((label) => label.name)}
            value={name}
            onChange={(value) => {
              setName(value);
              setWarning(undefined);
            }}
            maxLength={32}
            data-autofocus
          />
          {warning === undefined ? null : <Note tone="warn">{sentence(warning)}</Note>}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={isBusy} disabled={name === ''}>
              {warning === undefined ? 'Put the label on' : 'Do it all the same'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
