// People who are told what needs them: in a chat, on a phone, by mail. Addresses and secrets stay in the server's file.

import { Button, Text } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { sentence, useAction, useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { Command } from '#dashboard/parts/command.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import type { NoticeTest, Recipient } from '#protocol/admin/fleet/recipients.ts';
import { Teller } from './teller.tsx';
import css from './settings.module.css';

const SHAPES: Readonly<Record<Recipient['shape'], string>> = {
  slack: 'Slack',
  teams: 'Microsoft Teams',
  discord: 'Discord',
  ntfy: 'ntfy',
  mail: 'Mail',
};

const EXAMPLE = `notify:
  - name: team
    shape: slack
    url: { file: data/tokens/slack.url }`;

export function Recipients(): ReactNode {
  const recipients = useCall('getRecipients', {});
  const [results, setResults] = useState<readonly NoticeTest[]>([]);
  const test = useAction('testRecipients');
  const run = (name?: string): void =>
    test.mutate({ body: name === undefined ? {} : { name } }, { onSuccess: ({ items }) => setResults(items) });
  const items = recipients.data?.items ?? [];
  return (
    <Card
      title="People who are told"
      flush
      aside={
        items.length < 2 ? undefined : (
          <Button size="xs" variant="default" loading={test.isPending} onClick={() => run()}>
            Send all a test
          </Button>
        )
      }
    >
      <Answered query={recipients}>
        {() => (
          <>
            {items.map((one) => (
              <Teller
                key={one.name}
                teller={one}
                kind={SHAPES[one.shape]}
                types={one.types}
                result={resultText(results.find(({ name }) => name === one.name))}
                button={
                  <Button
                    size="xs"
                    variant="default"
                    loading={test.isPending}
                    onClick={() => run(one.name)}
                    aria-label={`Send ${one.name} a test`}
                  >
                    Test
                  </Button>
                }
              />
            ))}
            <div className={css['file']}>
              <Text size="sm" c="dimmed">
                {items.length === 0 ? 'Nobody is told anything yet. ' : ''}Recipients stand in config/server.yml, with
                their secrets in files that only the server reads; restart it after a change.
              </Text>
              {items.length === 0 ? <Command text={EXAMPLE} block /> : null}
            </div>
          </>
        )}
      </Answered>
    </Card>
  );
}

function resultText(result: NoticeTest | undefined): readonly [tone: 'good' | 'bad', text: string] | undefined {
  if (result === undefined) return undefined;
  return result.ok ? ['good', 'It took the test.'] : ['bad', `The test failed: ${sentence(result.why ?? 'no answer')}`];
}
