// Makes a label or changes one. With a query it is dynamic: the form says how many boards the query means now.

import { Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { type ReactNode, useState } from 'react';
import { Refusal } from '#dashboard/data/api.ts';
import { sentence, useAction, useCall } from '#dashboard/data/queries.ts';
import { ActionDialog } from '#dashboard/parts/ask/action-dialog.tsx';
import { Note } from '#dashboard/parts/note.tsx';
import { boards } from '#dashboard/parts/words.ts';
import type { Label } from '#protocol/admin/devices.ts';

interface LabelDialogProps {
  /** Left out: a new one. */
  readonly label?: Label;
  readonly onClose: () => void;
}

export function LabelDialog({ label, onClose }: LabelDialogProps): ReactNode {
  const [name, setName] = useState(label?.name ?? '');
  const [where, setWhere] = useState(label?.where ?? '');
  const [description, setDescription] = useState(label?.description ?? '');
  const [timezone, setTimezone] = useState(label?.timezone ?? '');
  const create = useAction('createLabel', (after) => `Label ${after.name} is made`, { isShown: true });
  const update = useAction('updateLabel', (after) => `Label ${after.name} is changed`, { isShown: true });
  const [asked] = useDebouncedValue(where.trim(), 300);
  const found = useCall(
    'listDevices',
    { query: { limit: '1', total: 'true', where: asked } },
    { enabled: asked !== '' },
  );
  const isNew = label === undefined;
  const isByHand = !isNew && label.where === null;
  const error = isNew ? create.error : update.error;
  const save = (): void => {
    const said = { description: description.trim(), ...(where.trim() === '' ? {} : { where: where.trim() }) };
    const zone = timezone.trim();
    const made = { name: name.trim(), ...said, ...(zone === '' ? {} : { timezone: zone }) };
    const changed = { ...said, timezone: zone === '' ? null : zone };
    if (isNew) create.mutate({ body: made }, { onSuccess: onClose });
    else update.mutate({ params: { name: label.name }, body: changed }, { onSuccess: onClose });
  };
  return (
    <ActionDialog
      title={isNew ? 'Make a label' : `Change label ${label.name}`}
      confirm={isNew ? 'Make it' : 'Change it'}
      busy={create.isPending || update.isPending}
      incomplete={name.trim() === ''}
      onClose={onClose}
      onConfirm={save}
    >
      <Stack gap="md">
        <TextInput
          label="Name"
          description="A name, or a key and a value such as site=berlin."
          value={name}
          disabled={!isNew}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        {isByHand ? null : (
          <TextInput
            label={isNew ? 'Query that says who has it (optional)' : 'Query that says who has it'}
            description="Such as version<1.4 and chip:esp32c3. Left out, operators put it on boards."
            value={where}
            onChange={({ currentTarget }) => setWhere(currentTarget.value)}
            error={found.error instanceof Refusal ? sentence(found.error.message) : undefined}
          />
        )}
        {asked === '' || found.data === undefined ? null : (
          <Text size="sm" role="status">
            <b>{boards(found.data.total ?? 0)}</b> now; who they are follows the boards.
          </Text>
        )}
        <TextInput
          label="What it is for (optional)"
          value={description}
          onChange={({ currentTarget }) => setDescription(currentTarget.value)}
          maxLength={200}
        />
        <TextInput
          label="Time zone of its boards (optional)"
          description="For windows by the day of each board, such as Europe/Berlin."
          value={timezone}
          onChange={({ currentTarget }) => setTimezone(currentTarget.value)}
        />
        {error instanceof Refusal ? (
          <Note tone="bad">
            {sentence(error.message)} {sentence(error.hint)}
          </Note>
        ) : null}
      </Stack>
    </ActionDialog>
  );
}
