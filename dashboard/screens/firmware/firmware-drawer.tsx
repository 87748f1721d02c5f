// One build: what it is, where it runs, what comes next, and the way to take it out of use.

import { Button, Drawer, Group, Stack, Switch, Text, TextInput } from '@mantine/core';
import { IconRocket } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import { sentence, useAction, useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { ActionDialog } from '#dashboard/parts/ask/action-dialog.tsx';
import { devicesHref } from '#dashboard/parts/text/links.ts';
import { Note } from '#dashboard/parts/note.tsx';
import { Written } from '#dashboard/parts/written.tsx';
import { Facts } from '#dashboard/parts/page.tsx';
import { Ago } from '#dashboard/parts/time.tsx';
import { WayBackView } from '#dashboard/parts/way-back.tsx';
import { boards, bytes, words } from '#dashboard/parts/words.ts';
import parts from '#dashboard/parts/parts.module.css';
import type { Firmware } from '#protocol/admin/firmware.ts';
import { FirmwareState } from './firmware-table.tsx';

interface FirmwareDrawerProps {
  readonly firmware: Firmware | undefined;
  readonly onClose: () => void;
}

export function FirmwareDrawer({ firmware, onClose }: FirmwareDrawerProps): ReactNode {
  return (
    <Drawer
      opened={firmware !== undefined}
      onClose={onClose}
      title={firmware === undefined ? '' : `${firmware.product} ${firmware.version}`}
      size="lg"
      styles={{ title: { fontWeight: 640, fontSize: 18 } }}
    >
      {firmware === undefined ? null : <Content firmware={firmware} />}
    </Drawer>
  );
}

function Content({ firmware }: { readonly firmware: Firmware }): ReactNode {
  const { product, version, blocked, blocked_reason: why, release_notes: notes, devices, images } = firmware;
  return (
    <Stack gap="lg">
      <FirmwareState firmware={firmware} />
      {blocked ? (
        <Note tone="bad">
          <b>It is offered to nobody.</b> {why === null ? '' : sentence(why)}
        </Note>
      ) : null}
      {notes === '' ? null : <Text style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{notes}</Text>}
      <Facts
        rows={[
          [
            'Runs on',
            <Link
              key="boards"
              href={devicesHref(['product', product], ['version', version])}
              className={parts['link'] ?? ''}
            >
              {boards(devices)}
            </Link>,
          ],
          ['Added', <Ago key="added" at={firmware.created_at} />],
          ['Channel', firmware.channel],
          ['Security version', String(firmware.security_version)],
          ['Note', firmware.note === null ? undefined : <Written key="note" note={firmware.note} />],
          ...images.map(
            ({ chip, size_bytes: size, sha256 }) =>
              [
                chip,
                <span key={chip}>
                  {bytes(size)} <code style={{ overflowWrap: 'anywhere' }}>{sha256}</code>
                </span>,
              ] as const,
          ),
        ]}
      />
      <Switches firmware={firmware} />
      <Group gap="xs">
        {blocked ? null : (
          <Button
            component={Link}
            href={`/rollouts/new?${new URLSearchParams({ product, version }).toString()}`}
            leftSection={<IconRocket size={17} />}
          >
            Roll it out
          </Button>
        )}
        <BlockButton firmware={firmware} />
      </Group>
    </Stack>
  );
}

function Switches({ firmware }: { readonly firmware: Firmware }): ReactNode {
  const { product, version, pilot_ready: isReady, must_pass: mustPass } = firmware;
  const ready = useAction('setPilotReady');
  const stone = useAction('setMustPass');
  const named = { params: { version }, query: { product } };
  return (
    <Stack gap="sm">
      <Switch
        label="May go to the pilot"
        checked={isReady}
        onChange={({ currentTarget }) => ready.mutate({ ...named, body: { ready: currentTarget.checked } })}
      />
      <Switch
        label="Required version: older boards do not skip it"
        checked={mustPass}
        onChange={({ currentTarget }) => stone.mutate({ ...named, body: { must_pass: currentTarget.checked } })}
      />
    </Stack>
  );
}

function BlockButton({ firmware }: { readonly firmware: Firmware }): ReactNode {
  const { product, version, blocked } = firmware;
  const [isAsked, setAsked] = useState(false);
  const unblock = useAction('unblockFirmware', () => `${version} may be offered again`);
  if (blocked)
    return (
      <Button
        variant="default"
        loading={unblock.isPending}
        onClick={() => unblock.mutate({ params: { version }, query: { product } })}
      >
        Unblock
      </Button>
    );
  return (
    <>
      <Button variant="default" c="var(--mantine-color-error)" onClick={() => setAsked(true)}>
        Block
      </Button>
      {isAsked ? <BlockDialog firmware={firmware} onClose={() => setAsked(false)} /> : null}
    </>
  );
}

function BlockDialog({ firmware, onClose }: { readonly firmware: Firmware; readonly onClose: () => void }): ReactNode {
  const { product, version } = firmware;
  const named = { params: { version }, query: { product } };
  const preview = useCall('previewBlock', named);
  const block = useAction('blockFirmware', () => `${version} is blocked`);
  const [typed, setTyped] = useState('');
  const isSure = typed.trim() === version;
  return (
    <ActionDialog
      title={`Block ${product} ${version}?`}
      confirm={isSure ? 'Block' : 'Type the version first'}
      danger
      reason="optional"
      busy={block.isPending}
      onClose={onClose}
      onConfirm={(reason) => {
        if (!isSure) return;
        block.mutate({ ...named, body: reason === undefined ? {} : { reason } }, { onSettled: onClose });
      }}
    >
      <Stack gap="sm">
        <div>It is never offered again, and boards that run it go back with their next check-in.</div>
        <Answered query={preview}>
          {(answer) => (
            <Stack gap="xs">
              <WayBackView wayBack={answer} />
              {answer.aborts.length === 0 ? null : <Note>It ends {words(answer.aborts.join(', '))}.</Note>}
            </Stack>
          )}
        </Answered>
        <TextInput
          label={`Type ${version} to be sure`}
          value={typed}
          onChange={({ currentTarget }) => setTyped(currentTarget.value)}
        />
      </Stack>
    </ActionDialog>
  );
}
