// Boards that ask to be let in, and wait for a person. Nothing is shown where none does.

import { Button, Group, Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { useAction, useCall } from '#dashboard/data/queries.ts';
import { Card } from '#dashboard/parts/page.tsx';
import { Ago } from '#dashboard/parts/time.tsx';
import type { PendingEnrolment } from '#protocol/admin/fleet/enrolments.ts';

const SHOWN = '20';

export function Enrolments(): ReactNode {
  const asked = useCall('listEnrolments', { query: { limit: SHOWN } });
  const items = asked.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <Card title="Boards that ask to be let in">
      <Stack gap="sm">
        {items.map((one) => (
          <Asked key={one.token_prefix} asked={one} />
        ))}
      </Stack>
    </Card>
  );
}

function Asked({ asked }: { readonly asked: PendingEnrolment }): ReactNode {
  const { mac, token_prefix: prefix, address, asked_at: at, has_token: hasToken, claimed_twice: claimed } = asked;
  const accept = useAction('acceptEnrolment', () => `${mac} is let in`);
  return (
    <Group justify="space-between" gap="sm">
      <span style={{ flex: '1 1 240px', minWidth: 0, overflowWrap: 'anywhere', fontSize: 14 }}>
        <Link href={`/devices/${mac}`}>{mac}</Link> with token {prefix}… from {address}, <Ago at={at} />
        {hasToken ? '; it has a token already' : ''}
        {claimed ? ', and is claimed twice' : ''}
      </span>
      <Button
        size="xs"
        variant="default"
        loading={accept.isPending}
        onClick={() => accept.mutate({ params: { device: mac }, query: { prefix } })}
        aria-label={`Let ${mac} in with token ${prefix}`}
      >
        Let it in
      </Button>
    </Group>
  );
}
