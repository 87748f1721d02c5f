// Wi-Fi for a firmware that asks for it over the cable, by Improv. A sketch with its Wi-Fi in `secrets.h` needs nothing of this.

import { Button, Group, Loader, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { IconCircleCheck, IconWifi } from '@tabler/icons-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Note } from '#dashboard/parts/note.tsx';
import { type ImprovBoard, openImprov } from './improv.ts';

type State =
  | { readonly step: 'begin'; readonly problem?: string }
  | { readonly step: 'asking' }
  | { readonly step: 'ready'; readonly board: ImprovBoard; readonly isRefused: boolean }
  | { readonly step: 'sending'; readonly board: ImprovBoard }
  | { readonly step: 'done'; readonly name: string };

const SILENT =
  'The firmware does not answer by Improv. If its Wi-Fi is built in, as in the examples of OtterOTA, it needs none of this.';
const BUSY = 'The port could not be opened. Close other programs that use it, such as a serial monitor, and ask again.';

interface ImprovFormProps {
  readonly wifi: { readonly name: string; readonly password: string };
}

export function ImprovForm({ wifi }: ImprovFormProps): ReactNode {
  const [{ name, password }, setWifi] = useState(wifi);
  const { state, ask, send } = useImprov();
  if (state.step === 'done')
    return (
      <Note tone="good" icon={<IconCircleCheck size={18} />}>
        <b>The board is in the Wi-Fi {state.name}.</b> Now it checks in.
      </Note>
    );
  if (state.step === 'begin' || state.step === 'asking')
    return (
      <Begin
        problem={state.step === 'begin' ? state.problem : undefined}
        isAsking={state.step === 'asking'}
        onAsk={() => void ask()}
      />
    );
  const { board } = state;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void send(board, name, password);
      }}
    >
      <Stack gap="sm">
        <Text size="sm">
          {board.firmware === '' ? 'The firmware' : `${board.firmware} ${board.version}`} asks for Wi-Fi
          {board.hasWifi ? '; it is in one already' : ''}.
        </Text>
        {state.step === 'ready' && state.isRefused ? (
          <Note tone="warn">
            The board could not get into that Wi-Fi. Look at the name and the password; an ESP32 needs a Wi-Fi of 2.4
            GHz.
          </Note>
        ) : null}
        <Group gap="md" align="flex-end">
          <TextInput
            label="Wi-Fi for the board"
            required
            maxLength={32}
            value={name}
            onChange={({ currentTarget }) => setWifi({ name: currentTarget.value, password })}
            autoComplete="off"
            w={{ base: '100%', xs: 220 }}
          />
          <PasswordInput
            label="Password of that Wi-Fi"
            maxLength={64}
            value={password}
            onChange={({ currentTarget }) => setWifi({ name, password: currentTarget.value })}
            autoComplete="off"
            w={{ base: '100%', xs: 220 }}
          />
          <Button type="submit" loading={state.step === 'sending'}>
            Send it
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** One board after the other; a port that is left open is closed with the page. */
function useImprov() {
  const [state, setState] = useState<State>({ step: 'begin' });
  const open = useRef<ImprovBoard>(undefined);
  useEffect(() => () => void open.current?.close(), []);
  const ask = async (): Promise<void> => {
    // A board with a USB of its own is another port after its restart.
    const port = await navigator.serial?.requestPort().catch(() => undefined);
    if (port === undefined) return;
    setState({ step: 'asking' });
    try {
      const board = await openImprov(port);
      open.current = board;
      setState(board === undefined ? { step: 'begin', problem: SILENT } : { step: 'ready', board, isRefused: false });
    } catch {
      setState({ step: 'begin', problem: BUSY });
    }
  };
  const send = async (board: ImprovBoard, name: string, password: string): Promise<void> => {
    setState({ step: 'sending', board });
    if (!(await board.sendWifi(name, password))) return setState({ step: 'ready', board, isRefused: true });
    open.current = undefined;
    await board.close();
    setState({ step: 'done', name });
  };
  return { state, ask, send };
}

interface BeginProps {
  readonly problem: string | undefined;
  readonly isAsking: boolean;
  readonly onAsk: () => void;
}

function Begin({ problem, isAsking, onAsk }: BeginProps): ReactNode {
  return (
    <Stack gap="sm">
      <Text size="sm">
        A firmware that speaks Improv (ESPHome, WLED and others) gets its Wi-Fi over the cable. Give it a few seconds to
        start.
      </Text>
      {problem === undefined ? null : <Note>{problem}</Note>}
      {isAsking ? (
        <Group gap="sm" role="status">
          <Loader size="xs" type="dots" aria-hidden />
          <Text size="sm">Asking the firmware.</Text>
        </Group>
      ) : (
        <div>
          <Button variant="default" leftSection={<IconWifi size={17} />} onClick={onAsk}>
            Give it Wi-Fi
          </Button>
        </div>
      )}
    </Stack>
  );
}
