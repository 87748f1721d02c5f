// Which columns the list shows; this browser keeps it.

import { Anchor, Checkbox, Group, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { ALL_COLUMNS, type ShownColumn, USUAL_COLUMNS } from './columns.tsx';
import css from './devices.module.css';

interface ColumnChoiceProps {
  readonly columns: readonly ShownColumn[];
  readonly choose: (keys: readonly string[]) => void;
}

export function ColumnChoice({ columns, choose }: ColumnChoiceProps): ReactNode {
  const shown = columns.map(({ key }) => key);
  return (
    <>
      <fieldset className={css['choices']}>
        <legend className={css['legend']}>Columns beside the board</legend>
        {ALL_COLUMNS.map(({ key, name }) => (
          <Checkbox
            key={key}
            size="xs"
            label={name}
            checked={shown.includes(key)}
            onChange={({ currentTarget }) =>
              choose(currentTarget.checked ? [...shown, key] : shown.filter((one) => one !== key))
            }
          />
        ))}
      </fieldset>
      <Group gap="md" mt="sm" justify="space-between">
        <Text size="xs" c="dimmed">
          This browser keeps the choice.
        </Text>
        <Anchor component="button" type="button" size="sm" onClick={() => choose(USUAL_COLUMNS)}>
          Back to the usual ones
        </Anchor>
      </Group>
    </>
  );
}
