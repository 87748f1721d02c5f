// Flashing from the browser: choose files, connect the board, see what it is, flash it, give it Wi-Fi.

import { Button, Checkbox, FileButton, Group, Loader, Progress, Stack, Text } from '@mantine/core';
import { IconCircleCheck, IconUsb } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import { useCall } from '#dashboard/data/queries.ts';
import { Command } from '#dashboard/parts/command.tsx';
import { Note } from '#dashboard/parts/note.tsx';
import { Facts } from '#dashboard/parts/page.tsx';
import { deviceHref } from '#dashboard/parts/text/links.ts';
import { bytes, deviceName, percent } from '#dashboard/parts/words.ts';
import parts from '#dashboard/parts/parts.module.css';
import type { Device } from '#protocol/admin/devices.ts';
import { type FlashFiles, type FlashPlan, readFlashFiles, shownChip } from './flash-files.ts';
import { TO_DO } from './flash-trouble.ts';
import { ImprovForm } from './improv-form.tsx';
import { type Flash, type FlashState, useFlash } from './use-flash.ts';

export interface Wifi {
  readonly name: string;
  readonly password: string;
}

export function FlashCard({ wifi }: { readonly wifi: Wifi }): ReactNode {
  if (navigator.serial === undefined) return <WithoutSerial />;
  return <WithSerial wifi={wifi} />;
}

/** Firefox, Safari, every browser of a phone; and a page that did not come by https. */
function WithoutSerial(): ReactNode {
  return (
    <Stack gap="sm">
      <Note>
        <b>This browser cannot reach USB.</b>{' '}
        {isSecureContext
          ? 'Chrome, Edge and other browsers made of Chromium can, on a computer. Or flash the image in a terminal:'
          : 'Browsers allow it on pages that come by https alone. Open this page by https, or flash the image in a terminal:'}
      </Note>
      <Command text="pipx run esptool --chip auto write-flash 0x0 firmware.merged.bin" />
    </Stack>
  );
}

function WithSerial({ wifi }: { readonly wifi: Wifi }): ReactNode {
  const [files, setFiles] = useState<FlashFiles>();
  const flash = useFlash();
  const { state } = flash;
  const choose = async (chosen: readonly File[]): Promise<void> => {
    if (chosen.length === 0) return;
    const named = chosen.map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) }));
    setFiles(readFlashFiles(await Promise.all(named)));
    flash.reset();
  };
  const plan = files?.ok === true ? files.plan : undefined;
  const isBusy = state.step === 'connecting' || state.step === 'working';
  return (
    <Stack gap="md">
      <Group gap="sm">
        <FileButton multiple accept=".bin,application/octet-stream" onChange={(chosen) => void choose(chosen)}>
          {(props) => (
            <Button variant="default" {...props} disabled={isBusy}>
              {files === undefined ? 'Choose files' : 'Choose other files'}
            </Button>
          )}
        </FileButton>
        {plan !== undefined && state.step === 'files' ? (
          <Button leftSection={<IconUsb size={17} />} onClick={() => void flash.connect(plan)}>
            Connect the board
          </Button>
        ) : null}
      </Group>
      {files?.ok === false ? <Note tone="warn">{files.problem}</Note> : null}
      {plan === undefined ? null : <Planned plan={plan} />}
      {plan === undefined ? null : <Step flash={flash} plan={plan} wifi={wifi} />}
    </Stack>
  );
}

function Planned({ plan: { chip, parts: planned } }: { readonly plan: FlashPlan }): ReactNode {
  const texts = [...new Set(planned.map(({ what }) => what))];
  const total = planned.reduce((sum, part) => sum + part.bytes.length, 0);
  return (
    <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
      <b>For the {shownChip(chip)}:</b> {texts.join(', ')}; {bytes(total)}
    </Text>
  );
}

interface StepProps {
  readonly flash: Flash;
  readonly plan: FlashPlan;
  readonly wifi: Wifi;
}

function Step({ flash, plan, wifi }: StepProps): ReactNode {
  const { state } = flash;
  if (state.step === 'files') return null;
  if (state.step === 'connecting')
    return (
      <Group gap="sm" role="status">
        <Loader size="xs" type="dots" aria-hidden />
        <Text size="sm">Asking the board what it is. Nothing is written yet.</Text>
      </Group>
    );
  if (state.step === 'connected') return <Connected key={state.board.mac} state={state} flash={flash} plan={plan} />;
  if (state.step === 'working') return <Working state={state} onStop={flash.stop} />;
  if (state.step === 'done') return <Done state={state} wifi={wifi} onMore={flash.reset} />;
  return <Failed state={state} onAgain={() => void flash.connect(plan)} />;
}

interface ConnectedProps {
  readonly state: Extract<FlashState, { readonly step: 'connected' }>;
  readonly flash: Flash;
  readonly plan: FlashPlan;
}

function Connected({ state, flash, plan }: ConnectedProps): ReactNode {
  const { board, known } = state;
  const [erases, setErases] = useState(known === undefined);
  return (
    <Stack gap="md">
      <Facts
        rows={[
          ['Board', shownChip(board.chip)],
          ['MAC', board.mac === undefined ? undefined : <span className="mono">{board.mac}</span>],
          ['Flash', board.flashBytes === undefined ? undefined : bytes(board.flashBytes)],
          [
            'Here',
            known === undefined ? (
              'it has never checked in'
            ) : (
              <>
                <Link href={deviceHref(known.id)} className={parts['link'] ?? ''}>
                  {deviceName(known)}
                </Link>
                , runs {known.product} {known.current_version}
              </>
            ),
          ],
        ]}
      />
      <Checkbox
        label="Erase everything on the board first"
        description={
          known === undefined
            ? 'What another firmware left there goes. It takes up to a minute.'
            : 'It runs Otter already. Without erasing, its settings and its token stay.'
        }
        checked={erases}
        onChange={({ currentTarget }) => setErases(currentTarget.checked)}
      />
      <Group gap="xs">
        <Button onClick={() => void flash.write(state, plan, erases)}>Flash it</Button>
        <Button variant="default" onClick={flash.reset}>
          Cancel
        </Button>
      </Group>
    </Stack>
  );
}

const DOING = { erasing: 'Erasing the board', writing: 'Writing', restarting: 'Starting the firmware' } as const;

interface WorkingProps {
  readonly state: Extract<FlashState, { readonly step: 'working' }>;
  readonly onStop: () => void;
}

function Working({ state: { progress, isStopping }, onStop }: WorkingProps): ReactNode {
  const { doing, share } = progress;
  return (
    <Stack gap="xs">
      <Text size="sm" role="status">
        {isStopping ? 'Stopping after this block' : DOING[doing]}{' '}
        <Text span c="dimmed">
          {doing === 'writing' ? percent(share, 1) : ''}
        </Text>
      </Text>
      <Progress value={share * 100} animated={doing !== 'writing'} aria-label="Flashing" />
      <Group gap="sm" mt={4}>
        <Button variant="default" size="xs" onClick={onStop} disabled={isStopping || doing === 'restarting'}>
          Stop
        </Button>
        <Text size="sm" c="dimmed">
          Leave the cable in.
        </Text>
      </Group>
    </Stack>
  );
}

interface DoneProps {
  readonly state: Extract<FlashState, { readonly step: 'done' }>;
  readonly wifi: Wifi;
  readonly onMore: () => void;
}

function Done({ state: { mac, known }, wifi, onMore }: DoneProps): ReactNode {
  return (
    <Stack gap="md">
      <Note tone="good" icon={<IconCircleCheck size={18} />}>
        <b>The board is flashed</b>, every byte compared, and starts it now{mac === undefined ? '' : `: ${mac}`}. If it
        does not, press its button RESET once.
      </Note>
      <ImprovForm wifi={wifi} />
      {known === undefined ? null : <WaitForKnown known={known} />}
      <div>
        <Button variant="default" onClick={onMore}>
          Flash another board
        </Button>
      </div>
    </Stack>
  );
}

const WAIT_MS = 2_000;

/** New boards are greeted below; one that was here before is not new. */
function WaitForKnown({ known }: { readonly known: Device }): ReactNode {
  const asked = useCall('getDevice', { params: { device: known.id } }, { everyMs: WAIT_MS });
  const device = asked.data?.device;
  const isBack = device !== undefined && device.last_seen_at !== known.last_seen_at;
  return isBack ? (
    <Note tone="good" icon={<IconCircleCheck size={18} />}>
      <Link href={deviceHref(device.id)} className={parts['link'] ?? ''}>
        {deviceName(device)}
      </Link>{' '}
      is back: it runs {device.product} {device.current_version}.
    </Note>
  ) : (
    <Group gap="sm" role="status">
      <Loader size="xs" type="dots" aria-hidden />
      <Text size="sm" c="dimmed">
        Waiting for {deviceName(known)} to check in.
      </Text>
    </Group>
  );
}

interface FailedProps {
  readonly state: Extract<FlashState, { readonly step: 'failed' }>;
  readonly onAgain: () => void;
}

function Failed({ state: { trouble, share }, onAgain }: FailedProps): ReactNode {
  const at = share === undefined || trouble.kind === 'cancelled' ? '' : ` It was at ${percent(share, 1)}.`;
  return (
    <Stack gap="md">
      <Note tone="bad">
        <div role="alert">
          <b>{trouble.message}</b>
          {at} {TO_DO[trouble.kind]}
        </div>
      </Note>
      <div>
        <Button onClick={onAgain}>Try again</Button>
      </div>
    </Stack>
  );
}
