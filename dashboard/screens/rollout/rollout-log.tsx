// Who did what to the rollout, and what it did by itself.

import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { sentence, useCall } from '#dashboard/data/queries.ts';
import { actorText, auditText } from '#dashboard/parts/text/audit-text.ts';
import { Card, Remark } from '#dashboard/parts/page.tsx';
import { Ago } from '#dashboard/parts/time.tsx';
import parts from '#dashboard/parts/parts.module.css';
import css from './rollout.module.css';

export function RolloutLog({ name }: { readonly name: string }): ReactNode {
  const audit = useCall('listAudit', { query: { subject: name, limit: '30' } });
  const items = audit.data?.items ?? [];
  return (
    <Card title="Who did what" flush>
      {items.map((entry) => {
        const { reason } = entry.details;
        return (
          <div key={entry.id} className={css['logRow']}>
            <span style={{ overflowWrap: 'anywhere' }}>
              {auditText(entry)} <span className={parts['dim']}>by {actorText(entry.actor)}</span>
              {typeof reason === 'string' && reason !== '' ? (
                <Text size="xs" c="dimmed" component="div">
                  {sentence(reason)}
                </Text>
              ) : null}
            </span>
            <span className={parts['dim']}>
              <Ago at={entry.at} />
            </span>
          </div>
        );
      })}
      {items.length === 0 ? <Remark>Nothing is kept of it.</Remark> : null}
    </Card>
  );
}
