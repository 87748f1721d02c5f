// The last things that happened, as they happen.

import { Anchor } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { useCall } from '#dashboard/data/queries.ts';
import { Card, Remark } from '#dashboard/parts/page.tsx';
import { EventRow } from '#dashboard/parts/event-row.tsx';
import { useStill } from '#dashboard/parts/still.ts';

const SHOWN = 10;

export function LatestEvents(): ReactNode {
  const events = useCall('listEvents', { query: { limit: String(SHOWN), sort: '-id' } });
  const items = events.data?.items ?? [];
  const { shown, hold } = useStill(items);
  return (
    <Card
      title="Latest"
      flush
      aside={
        <Anchor component={Link} href="/activity" size="sm">
          All activity
        </Anchor>
      }
    >
      <div {...hold}>
        {shown.map((event) => (
          <EventRow key={event.id} event={event} />
        ))}
      </div>
      {items.length === 0 ? <Remark>Nothing happened yet. Rollouts and updates of boards appear here.</Remark> : null}
    </Card>
  );
}
