// Disruption budgets: of each value of a label key, so many boards may be in the middle of an update at a time.

import { Button, NativeSelect, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { Refusal } from '#dashboard/data/api.ts';
import { sentence, useAction, useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { ActionDialog } from '#dashboard/parts/ask/action-dialog.tsx';
import { Bar } from '#dashboard/parts/bar.tsx';
import { Command } from '#dashboard/parts/command.tsx';
import { Note } from '#dashboard/parts/note.tsx';
import { Card, Remark } from '#dashboard/parts/page.tsx';
import type { Budget } from '#protocol/admin/fleet/budgets.ts';
import css from './settings.module.css';

export function Budgets(): ReactNode {
  const budgets = useCall('getBudgets', {});
  const [set, setSet] = useState<Budget | 'new'>();
  return (
    <Card
      title="Budgets"
      flush
      aside={
        <Button size="xs" variant="default" onClick={() => setSet('new')}>
          Set a budget
        </Button>
      }
    >
      <Answered query={budgets}>
        {({ items }) =>
          items.length === 0 ? (
            <Remark>
              None. A budget says how many boards of one place, such as site=berlin, may be in the middle of an update
              at a time.
            </Remark>
          ) : (
            items.map((budget) => <Row key={budget.key} budget={budget} onSet={() => setSet(budget)} />)
          )
        }
      </Answered>
      {set === undefined ? null : (
        <BudgetDialog {...(set === 'new' ? {} : { budget: set })} onClose={() => setSet(undefined)} />
      )}
    </Card>
  );
}

function limitText({ max_devices: devices, max_pct: pct }: Budget): string {
  return devices === null ? `${pct} % of its boards, at least one` : devices === 1 ? '1 board' : `${devices} boards`;
}

function Row({ budget, onSet }: { readonly budget: Budget; readonly onSet: () => void }): ReactNode {
  const { key, values, reason } = budget;
  const [isAsked, setAsked] = useState(false);
  const remove = useAction('removeBudget', () => `The budget of ${key} is gone`);
  return (
    <div className={css['row']}>
      <div style={{ minWidth: 0 }}>
        <b>{key}</b> <span>of each, {limitText(budget)} at a time</span>
        {reason === null ? null : (
          <Text size="sm" c="dimmed">
            {sentence(reason)}
          </Text>
        )}
        <ul className={css['values']}>
          {values.map(({ label, devices, allowed, disrupted }) => (
            <li key={label}>
              <span>{label}</span>
              <Bar
                shares={[{ tone: disrupted >= allowed ? 'warn' : 'moving', count: Math.min(disrupted, allowed) }]}
                total={Math.max(1, allowed)}
                label={`${label}: ${disrupted} of ${allowed}`}
              />
              <span>
                {disrupted} of {allowed}, {devices} in all
              </span>
            </li>
          ))}
        </ul>
        {values.length === 0 ? (
          <Text size="sm" c="dimmed">
            No board has a label {key}=... yet.
          </Text>
        ) : null}
      </div>
      <span className={css['buttons']}>
        <Button size="xs" variant="default" onClick={onSet} aria-label={`Change the budget of ${key}`}>
          Change
        </Button>
        <Button size="xs" variant="default" onClick={() => setAsked(true)} aria-label={`Remove the budget of ${key}`}>
          Remove
        </Button>
      </span>
      {isAsked ? (
        <ActionDialog
          title={`Remove the budget of ${key}?`}
          confirm="Remove it"
          danger
          busy={remove.isPending}
          onClose={() => setAsked(false)}
          onConfirm={() => remove.mutate({ params: { key } }, { onSettled: () => setAsked(false) })}
        >
          All boards of one {key} may then update at once, as their rollouts say.
        </ActionDialog>
      ) : null}
    </div>
  );
}

function BudgetDialog({ budget, onClose }: { readonly budget?: Budget; readonly onClose: () => void }): ReactNode {
  const [key, setKey] = useState(budget?.key ?? '');
  const [limit, setLimit] = useState(String(budget?.max_devices ?? budget?.max_pct ?? 1));
  const [unit, setUnit] = useState<'boards' | 'pct'>(typeof budget?.max_pct === 'number' ? 'pct' : 'boards');
  const save = useAction('setBudget', (after) => `Of each ${after.key}, ${limitText(after)} at a time`, {
    isShown: true,
  });
  const name = key.trim().replace(/=.*$/, '');
  return (
    <ActionDialog
      title={budget === undefined ? 'Set a budget' : `Change the budget of ${budget.key}`}
      confirm="Set it"
      reason="optional"
      busy={save.isPending}
      incomplete={name === '' || limit.trim() === ''}
      onClose={onClose}
      onConfirm={(reason) =>
        save.mutate(
          {
            params: { key: name },
            body: {
              ...(unit === 'pct' ? { max_pct: Number(limit) } : { max_devices: Number(limit) }),
              ...(reason === undefined ? {} : { reason }),
            },
          },
          { onSuccess: onClose },
        )
      }
    >
      <Stack gap="md">
        <TextInput
          label="Label key"
          description="Of labels such as site=berlin it is site."
          value={key}
          disabled={budget !== undefined}
          onChange={({ currentTarget }) => setKey(currentTarget.value)}
          maxLength={32}
        />
        <SimpleGrid cols={2} spacing="sm">
          <TextInput
            label="At most"
            inputMode="decimal"
            value={limit}
            onChange={({ currentTarget }) => setLimit(currentTarget.value)}
          />
          <NativeSelect
            label="Of each value"
            data={[
              { value: 'boards', label: 'boards' },
              { value: 'pct', label: '% of its boards' },
            ]}
            value={unit}
            onChange={({ currentTarget }) => setUnit(currentTarget.value === 'pct' ? 'pct' : 'boards')}
          />
        </SimpleGrid>
        {save.error instanceof Refusal ? (
          <Note tone="bad">
            {sentence(save.error.message)} {sentence(save.error.hint)}
          </Note>
        ) : null}
        <Command text={`otter budget set ${name || 'KEY'} --max${unit === 'pct' ? `-pct ${limit}%` : ` ${limit}`}`} />
      </Stack>
    </ActionDialog>
  );
}
