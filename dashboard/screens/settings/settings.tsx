// What is set for all rollouts: budgets and labels, which are changed here; recipients and webhooks, which the server's file names.

import { Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import { Page } from '#dashboard/parts/page.tsx';
import { Budgets } from './budgets.tsx';
import { Labels } from './labels.tsx';
import { Recipients } from './recipients.tsx';
import { Webhooks } from './webhooks.tsx';

export default function Settings(): ReactNode {
  return (
    <Page title="Settings" about="Who is told what, how many boards of one place may update at a time, and labels.">
      <Stack gap="lg">
        <Recipients />
        <Webhooks />
        <Budgets />
        <Labels />
      </Stack>
    </Page>
  );
}
