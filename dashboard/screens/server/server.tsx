// The server: what it is, what it warns of, who is logged in, and boards that fail to get in.

import { Button, Group, Stack, Table, Text, VisuallyHidden } from '@mantine/core';
import type { ReactNode } from 'react';
import { sentence, useAction, useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { BoardProblemNote } from '#dashboard/parts/board-problem.tsx';
import { Note } from '#dashboard/parts/note.tsx';
import { Card, Facts, Page } from '#dashboard/parts/page.tsx';
import { Ago, exactText } from '#dashboard/parts/time.tsx';
import { StateBadge } from '#dashboard/parts/tone.tsx';
import { lengthText } from '#dashboard/parts/time.tsx';
import { bytes, count, percent } from '#dashboard/parts/words.ts';
import parts from '#dashboard/parts/parts.module.css';
import type { ServerStatus } from '#protocol/admin/status.ts';
import type { Session } from '#protocol/sessions.ts';
import { Enrolments } from './enrolments.tsx';
import { browserText } from './browser-text.ts';

export default function Server(): ReactNode {
  const status = useCall('getStatus', {});
  const settings = useCall('getBoardSettings', {});
  return (
    <Page title="Server">
      <Answered query={status}>
        {({
          version,
          database,
          started_at: started,
          poll_interval_s: poll,
          last_backup: backup,
          warnings,
          devices,
          ...server
        }) => (
          <Stack gap="lg">
            {warnings.length === 0 ? (
              <Note tone="good">
                <b>The server is well:</b> database and images take a write, and all is where it belongs.
              </Note>
            ) : (
              warnings.map((warning) => (
                <Note key={warning} tone="warn">
                  {sentence(warning)}
                </Note>
              ))
            )}
            <Card title="Facts">
              <Facts
                rows={[
                  ['Otter', version],
                  ['Database', database === 'sqlite' ? 'SQLite' : 'PostgreSQL'],
                  ['Started', <Ago key="started" at={started} />],
                  [
                    'Certificate',
                    <span key="certificate">
                      ends {exactText(server.certificate_ends_at)} (<Ago at={server.certificate_ends_at} />)
                    </span>,
                  ],
                  ['Disk of images', server.disk === null ? undefined : diskText(server.disk)],
                  ['Boards ask every', lengthText(poll)],
                  ['Boards', count(devices.total)],
                  ['Last backup', backup === null ? 'none was made' : <LastBackup key="backup" backup={backup} />],
                  ['Addresses', settings.data?.servers.join(', ')],
                  ['Pin', settings.data === undefined ? undefined : <code key="pin">{settings.data.pin}</code>],
                  [
                    'Backup pin',
                    settings.data === undefined ? undefined : (
                      <code key="backup">
                        {settings.data.backup_pin ?? 'none: otter cert backup makes a backup key'}
                      </code>
                    ),
                  ],
                ]}
              />
            </Card>
          </Stack>
        )}
      </Answered>
      <Enrolments />
      <Sessions />
      <Problems />
    </Page>
  );
}

function LastBackup({ backup }: { readonly backup: NonNullable<ServerStatus['last_backup']> }): ReactNode {
  return (
    <>
      <Ago at={backup.made_at} /> · {backup.file} ({backup.made_by}
      {backup.encrypted ? ', encrypted' : ''})
    </>
  );
}

function diskText({
  free_bytes: free,
  total_bytes: total,
}: {
  readonly free_bytes: number;
  readonly total_bytes: number;
}): string {
  return `${bytes(free)} free of ${bytes(total)} (${percent(free, total)})`;
}

function Sessions(): ReactNode {
  const sessions = useCall('getSessions', {});
  return (
    <Card title="Browsers that are logged in" flush>
      <Answered query={sessions}>
        {({ items }) => (
          <Table.ScrollContainer
            minWidth={620}
            scrollAreaProps={{ viewportProps: { 'aria-label': 'Sessions', tabIndex: 0 } }}
          >
            <Table horizontalSpacing="var(--otter-side)" fz={13.5}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Browser</Table.Th>
                  <Table.Th>Address</Table.Th>
                  <Table.Th>Opened</Table.Th>
                  <Table.Th>Used</Table.Th>
                  <Table.Th>Ends</Table.Th>
                  <Table.Th>
                    <VisuallyHidden>Commands</VisuallyHidden>
                  </Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {items.map((session) => (
                  <SessionRow key={session.id} session={session} />
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </Answered>
    </Card>
  );
}

function SessionRow({ session }: { readonly session: Session }): ReactNode {
  const { id, browser, address, opened_by: by, opened_at: opened, used_at: used, ends_at: ends, own } = session;
  const revoke = useAction('revokeSession', () => 'The session is over');
  return (
    <Table.Tr>
      <Table.Td>
        <Group gap={8} wrap="nowrap">
          <span title={browser}>{browserText(browser)}</span>
          {own ? <StateBadge tone="good">this one</StateBadge> : null}
        </Group>
        <Text size="xs" c="dimmed">
          {id}, by {by === 'token' ? 'the admin token' : 'a link'}
        </Text>
      </Table.Td>
      <Table.Td>{address}</Table.Td>
      {[opened, used, ends].map((at, index) => (
        // oxlint-disable-next-line react/no-array-index-key
        <Table.Td key={index} className={parts['dim'] ?? ''}>
          <Ago at={at} />
        </Table.Td>
      ))}
      <Table.Td ta="right">
        <Button
          size="compact-sm"
          variant="default"
          loading={revoke.isPending}
          onClick={() => revoke.mutate({ params: { session: id } })}
          aria-label={own ? 'Log out' : `End session ${id}`}
        >
          {own ? 'Log out' : 'End'}
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}

function Problems(): ReactNode {
  const problems = useCall('getBoardProblems', {});
  const sessions = useCall('getSessions', {});
  return (
    <Card title="Boards that fail to get in">
      <Answered query={problems}>
        {({ items }) =>
          items.length === 0 ? (
            <Text size="sm" c="dimmed">
              None since this server started.
            </Text>
          ) : (
            <Stack gap="sm">
              {items.map((problem) => (
                <BoardProblemNote
                  key={`${problem.kind} ${problem.address} ${problem.mac ?? ''}`}
                  problem={problem}
                  sessions={sessions.data?.items}
                />
              ))}
            </Stack>
          )
        }
      </Answered>
    </Card>
  );
}
