// Programs that are told of every change, signed, in order, until they take it.

import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { Command } from '#dashboard/parts/command.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import { Teller } from './teller.tsx';
import css from './settings.module.css';

const EXAMPLE = `webhooks:
  - name: ci
    url: https://ci.example.com/otter
    secret: { file: data/tokens/webhook.secret }`;

export function Webhooks(): ReactNode {
  const webhooks = useCall('getWebhooks', {});
  return (
    <Card title="Programs that are told" flush>
      <Answered query={webhooks}>
        {({ items }) => (
          <>
            {items.map((one) => (
              <Teller key={one.name} teller={one} kind="Webhook" types={one.types} nextTryAt={one.next_try_at} />
            ))}
            <div className={css['file']}>
              <Text size="sm" c="dimmed">
                {items.length === 0 ? 'No program is told of events yet. ' : ''}Webhooks stand in config/server.yml;
                restart the server after a change. What was not taken is sent again, later each time.
              </Text>
              {items.length === 0 ? <Command text={EXAMPLE} block /> : null}
            </div>
          </>
        )}
      </Answered>
    </Card>
  );
}
