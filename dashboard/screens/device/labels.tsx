// The labels of the board: they decide which stages it is in.

import { ActionIcon, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { Refusal } from '#dashboard/data/api.ts';
import { sentence, useAction, useCall } from '#dashboard/data/queries.ts';
import { ActionDialog } from '#dashboard/parts/ask/action-dialog.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import parts from '#dashboard/parts/parts.module.css';
import type { Device } from '#protocol/admin/devices.ts';

interface Change {
  readonly kind: 'add' | 'remove';
  readonly label: string;
}

export function Labels({ device }: { readonly device: Device }): ReactNode {
  const add = useAction('labelDevice');
  const remove = useAction('unlabelDevice');
  const [text, setText] = useState('');
  const [asked, setAsked] = useState<Change & { readonly why: string }>();
  const change = (what: Change, isConfirmed: boolean): void => {
    const action = what.kind === 'add' ? add : remove;
    action.mutate(
      { params: { device: device.id, name: what.label }, query: isConfirmed ? { confirm: 'true' } : {} },
      {
        onSuccess: () => {
          setText('');
          setAsked(undefined);
        },
        onError: (error) => {
          const needsYes = error instanceof Refusal && error.code === 'confirmation_needed';
          setAsked(needsYes ? { ...what, why: error.message } : undefined);
        },
      },
    );
  };
  return (
    <Card title="Labels">
      <Stack gap="sm">
        <Group gap={6}>
          {device.labels.map((label) => (
            <span key={label} className={parts['badge']}>
              {label}
              <ActionIcon
                size={18}
                variant="transparent"
                color="gray"
                aria-label={`Take label ${label} off`}
                onClick={() => change({ kind: 'remove', label }, false)}
              >
                <IconX size={13} />
              </ActionIcon>
            </span>
          ))}
          {device.labels.length === 0 ? (
            <Text size="sm" c="dimmed">
              None yet. Stages of a rollout are for boards with a label.
            </Text>
          ) : null}
        </Group>
        <NewLabel
          known={device.labels}
          isBusy={add.isPending}
          text={text}
          setText={setText}
          onAdd={(label) => change({ kind: 'add', label }, false)}
        />
      </Stack>
      {asked === undefined ? null : (
        <ActionDialog
          title={asked.kind === 'add' ? `Put label ${asked.label} on?` : `Take label ${asked.label} off?`}
          confirm="Do it"
          onClose={() => setAsked(undefined)}
          onConfirm={() => change(asked, true)}
        >
          {sentence(asked.why)}
        </ActionDialog>
      )}
    </Card>
  );
}

interface NewLabelProps {
  readonly known: readonly string[];
  readonly isBusy: boolean;
  readonly text: string;
  readonly setText: (text: string) => void;
  readonly onAdd: (label: string) => void;
}

function NewLabel({ known, isBusy, text, setText, onAdd }: NewLabelProps): ReactNode {
  const labels = useCall('listLabels', { query: { limit: '500' } });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (text !== '') onAdd(text);
      }}
    >
      <Group gap="xs" wrap="nowrap">
        <TextInput
          aria-label="New label"
          placeholder="A label"
          list="known-labels"
          value={text}
          onChange={({ currentTarget }) => setText(currentTarget.value)}
          maxLength={32}
          size="sm"
          style={{ flex: 1 }}
        />
        <datalist id="known-labels">
          {(labels.data?.items ?? [])
            .filter(({ name }) => !known.includes(name))
            .map(({ name }) => (
              <option key={name} value={name} />
            ))}
        </datalist>
        <Button type="submit" variant="default" disabled={text === ''} loading={isBusy}>
          Add
        </Button>
      </Group>
    </form>
  );
}
