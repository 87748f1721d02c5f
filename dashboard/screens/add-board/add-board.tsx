// What goes into a sketch, the first flash, and then the wait: the page greets the board when it checks in for the first time.

import { Anchor, Button, Group, Loader, Stack, Text, TextInput } from '@mantine/core';
import { IconConfetti } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import { useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { BoardProblemNote } from '#dashboard/parts/board-problem.tsx';
import { Command } from '#dashboard/parts/command.tsx';
import { deviceHref } from '#dashboard/parts/text/links.ts';
import { Note } from '#dashboard/parts/note.tsx';
import { Card, Page } from '#dashboard/parts/page.tsx';
import { Ago } from '#dashboard/parts/time.tsx';
import parts from '#dashboard/parts/parts.module.css';
import type { BoardSettings } from '#protocol/admin/boards.ts';
import { FlashCard, type Wifi } from './flash/flash-card.tsx';
import css from './add-board.module.css';

const WAIT_MS = 2_000;

export default function AddBoard(): ReactNode {
  const [wifi, setWifi] = useState<Wifi>({ name: '', password: '' });
  const settings = useCall('getBoardSettings', {});
  return (
    <Page title="Add a board" about="Three steps, and the board updates itself from here on.">
      <Answered query={settings}>
        {(answer) => (
          <Stack gap="lg">
            <Secrets settings={answer} wifi={wifi} onWifi={setWifi} />
            <Card title={<Step number={2} text="Flash it by cable" />}>
              <Stack gap="md">
                <Text size="sm" maw={680}>
                  <b>From the Arduino IDE:</b> put <code>secrets.h</code> beside the sketch, install the OtterOTA
                  library, open its example <b>Basic</b>, choose your board and its port, and press Upload. This is the
                  last time that the board needs a cable.
                </Text>
                <Text size="sm" maw={680}>
                  <b>From this browser,</b> with an image that is built already: the merged image of a build, or its
                  bootloader, partition table and application together.
                </Text>
                <FlashCard wifi={wifi} />
              </Stack>
            </Card>
            <Arrivals />
            <Simulated />
          </Stack>
        )}
      </Answered>
    </Page>
  );
}

function Step({ number, text }: { readonly number: number; readonly text: string }): ReactNode {
  return (
    <span className={css['step']}>
      <span className={css['number']} aria-hidden>
        {number}
      </span>
      {text}
    </span>
  );
}

interface SecretsProps {
  readonly settings: BoardSettings;
  readonly wifi: Wifi;
  readonly onWifi: (wifi: Wifi) => void;
}

function Secrets({ settings, wifi, onWifi }: SecretsProps): ReactNode {
  const { name, password } = wifi;
  const keys = useCall('getReleaseKeys', {});
  const isSigned = keys.data?.items.some(({ retired_at: retired }) => retired === null) ?? false;
  return (
    <Card title={<Step number={1} text="Copy this into secrets.h" />}>
      <Stack gap="md">
        <Group gap="md" align="flex-start">
          <TextInput
            label="Name of your Wi-Fi"
            description="Stays in this page."
            value={name}
            onChange={({ currentTarget }) => onWifi({ name: currentTarget.value, password })}
            autoComplete="off"
            w={{ base: '100%', xs: 240 }}
          />
          <TextInput
            label="Its password"
            description="Stays in this page."
            value={password}
            onChange={({ currentTarget }) => onWifi({ name, password: currentTarget.value })}
            autoComplete="off"
            w={{ base: '100%', xs: 240 }}
          />
        </Group>
        <Command block text={secretsText(settings, wifi)} />
        <Note>The token opens this server for every board that has it: keep the file out of your repository.</Note>
        {isSigned ? (
          <Note>
            <b>This server takes signed builds alone.</b> The release keys of a sketch come from your own computer,
            never from a server. In the folder with <code>release.pub</code> this prints their lines too:
            <Command text="otter board" />
          </Note>
        ) : null}
      </Stack>
    </Card>
  );
}

/** The names are those of the examples of the library (client/examples). */
function secretsText({ servers, pin, backup_pin, token }: BoardSettings, wifi: Wifi): string {
  const constant = (name: string, value: string): string => `const char* const ${name} = ${JSON.stringify(value)};`;
  const [server = '', ...others] = servers;
  return [
    '#pragma once',
    '',
    constant('kWifiName', wifi.name === '' ? 'your Wi-Fi' : wifi.name),
    constant('kWifiPassword', wifi.password === '' ? 'its password' : wifi.password),
    constant('kServer', server),
    ...others.map((other) => `// also: ${other}`),
    // A connection is good when either fits.
    constant('kPin', backup_pin === null ? pin : `${pin},${backup_pin}`),
    constant('kToken', token),
  ].join('\n');
}

/** Boards that were seen for the first time since the page was opened, and those that fail to get in. */
function Arrivals(): ReactNode {
  const [sinceMs] = useState(() => Date.now());
  const newest = useCall('listDevices', { query: { sort: '-first_seen_at', limit: '10' } }, { everyMs: WAIT_MS });
  const problems = useCall('getBoardProblems', {}, { everyMs: WAIT_MS });
  const sessions = useCall('getSessions', {});
  const arrived = (newest.data?.items ?? []).filter(({ first_seen_at: first }) => Date.parse(first) >= sinceMs);
  const failing = (problems.data?.items ?? []).filter(({ last_at: last }) => Date.parse(last) >= sinceMs);
  return (
    <Card title={<Step number={3} text="Wait for its first check-in" />}>
      <Stack gap="sm">
        {arrived.map((device) => (
          <Note key={device.id} tone="good" icon={<IconConfetti size={18} />}>
            <b>Welcome,</b>{' '}
            <Link href={deviceHref(device.id)} className={`${parts['link']} mono`}>
              {device.mac}
            </Link>
            <b>!</b> It runs {device.product} {device.current_version}
            {device.chip === null ? '' : ` on an ${device.chip}`}, seen <Ago at={device.last_seen_at} />.
          </Note>
        ))}
        {failing.map((problem) => (
          <BoardProblemNote
            key={`${problem.kind} ${problem.address} ${problem.mac ?? ''}`}
            problem={problem}
            sessions={sessions.data?.items}
          />
        ))}
        <Group gap="sm" role="status">
          <Loader size="xs" type="dots" aria-hidden />
          <Text size="sm" c="dimmed">
            {arrived.length === 0 ? 'No new board yet. This page sees it within seconds.' : 'Waiting for another one.'}
          </Text>
        </Group>
      </Stack>
    </Card>
  );
}

function Simulated(): ReactNode {
  return (
    <Card title="No board at hand?">
      <Stack gap="sm">
        <Text size="sm">
          Simulated boards do what real ones do: they check in, download, restart, and fail where you tell them to.
        </Text>
        <Command text="otter simulate --devices 10" />
        <Text size="sm" c="dimmed">
          They appear under{' '}
          <Anchor component={Link} href="/devices" underline="always">
            Devices
          </Anchor>
          , and count in no gate beside real ones.
        </Text>
        <div>
          <Button component={Link} href="/devices" variant="default" size="xs">
            See the boards
          </Button>
        </div>
      </Stack>
    </Card>
  );
}
