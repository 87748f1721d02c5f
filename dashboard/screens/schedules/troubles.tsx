// Runs that did not happen: missed while no server was running, or refused by the rollout.

import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { sentence, useCall } from '#dashboard/data/queries.ts';
import { Card, Remark } from '#dashboard/parts/page.tsx';
import { Ago, exactText } from '#dashboard/parts/time.tsx';
import { StateText } from '#dashboard/parts/tone.tsx';
import type { AuditEntry } from '#protocol/admin/audit.ts';
import css from './schedules.module.css';

const SHOWN = '20';

export function Troubles(): ReactNode {
  const missed = useCall('listAudit', { query: { action: 'schedule.missed', limit: SHOWN } });
  const refused = useCall('listAudit', { query: { action: 'schedule.refused', limit: SHOWN } });
  if (missed.data === undefined || refused.data === undefined) return null;
  const entries = [...missed.data.items, ...refused.data.items].toSorted((left, right) =>
    right.at.localeCompare(left.at),
  );
  return (
    <Card title="Missed and refused" flush>
      {entries.length === 0 ? (
        <Remark>No run was missed or refused.</Remark>
      ) : (
        entries.map((entry) => (
          <div key={entry.id} className={css['trouble']}>
            <StateText tone={entry.action === 'schedule.missed' ? 'warn' : 'bad'}>
              {entry.action === 'schedule.missed' ? 'Missed' : 'Refused'}
            </StateText>
            <span>
              <b>{entry.subject}</b> {whyText(entry)}
            </span>
            <Text span inherit c="dimmed">
              <Ago at={entry.at} />
            </Text>
          </div>
        ))
      )}
    </Card>
  );
}

function whyText({ details: { due, message } }: AuditEntry): string {
  if (typeof message === 'string') return sentence(message);
  return typeof due === 'string' ? `was due ${exactText(due)}, while no server was running.` : '';
}
