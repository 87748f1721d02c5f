// Labels: who has them, by hand or by a query, and how many that are.

import { Button, Text } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import { sentence, useAction, useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { ActionDialog } from '#dashboard/parts/ask/action-dialog.tsx';
import { Card, Remark } from '#dashboard/parts/page.tsx';
import { devicesHref } from '#dashboard/parts/text/links.ts';
import { boards } from '#dashboard/parts/words.ts';
import parts from '#dashboard/parts/parts.module.css';
import type { Label } from '#protocol/admin/devices.ts';
import { LabelDialog } from './label-dialog.tsx';
import css from './settings.module.css';

export function Labels(): ReactNode {
  const labels = useCall('listLabels', { query: { limit: '200' } });
  const [changed, setChanged] = useState<Label | 'new'>();
  return (
    <Card
      title="Labels"
      flush
      aside={
        <Button size="xs" variant="default" onClick={() => setChanged('new')}>
          Make a label
        </Button>
      }
    >
      <Answered query={labels}>
        {({ items, next_cursor: more }) => (
          <>
            {items.map((label) => (
              <Row key={label.name} label={label} onChange={() => setChanged(label)} />
            ))}
            {items.length === 0 ? <Remark>There is no label yet.</Remark> : null}
            {more === null ? null : <Remark>The first {items.length} are shown; otter label list shows all.</Remark>}
          </>
        )}
      </Answered>
      {changed === undefined ? null : (
        <LabelDialog {...(changed === 'new' ? {} : { label: changed })} onClose={() => setChanged(undefined)} />
      )}
    </Card>
  );
}

function Row({ label, onChange }: { readonly label: Label; readonly onChange: () => void }): ReactNode {
  const { name, description, where, devices, timezone } = label;
  const [isAsked, setAsked] = useState(false);
  const remove = useAction('deleteLabel', () => `Label ${name} is gone`);
  return (
    <div className={css['row']}>
      <div style={{ minWidth: 0 }}>
        <Link href={devicesHref(['label', name])} className={parts['link'] ?? ''}>
          {name}
        </Link>{' '}
        <span>{boards(devices)}</span>
        <Text size="sm" c="dimmed" component="div">
          {where === null ? 'put on by hand' : <code>{where}</code>}
          {timezone === null ? '' : `, ${timezone}`}
          {description === '' ? '' : `. ${sentence(description)}`}
        </Text>
      </div>
      <span className={css['buttons']}>
        <Button size="xs" variant="default" onClick={onChange} aria-label={`Change label ${name}`}>
          Change
        </Button>
        <Button size="xs" variant="default" onClick={() => setAsked(true)} aria-label={`Delete label ${name}`}>
          Delete
        </Button>
      </span>
      {isAsked ? (
        <ActionDialog
          title={`Delete label ${name}?`}
          confirm="Delete it"
          danger
          busy={remove.isPending}
          onClose={() => setAsked(false)}
          onConfirm={() =>
            remove.mutate({ params: { name }, query: { confirm: 'true' } }, { onSettled: () => setAsked(false) })
          }
        >
          It is taken off {boards(devices)}, also where a stage of a rollout under way asks for it.
        </ActionDialog>
      ) : null}
    </div>
  );
}
