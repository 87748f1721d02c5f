// A file that is dropped goes to the server, which checks it and stores nothing that it cannot read.

import { Button, Checkbox, FileButton, Group, Progress, Stack, Text, TextInput } from '@mantine/core';
import { IconCircleCheck, IconUpload } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { Refusal } from '#dashboard/data/api.ts';
import { sentence } from '#dashboard/data/queries.ts';
import { Note } from '#dashboard/parts/note.tsx';
import { Card, Facts } from '#dashboard/parts/page.tsx';
import { bytes, percent } from '#dashboard/parts/words.ts';
import type { Firmware, UploadAnswer } from '#protocol/admin/firmware.ts';
import css from './firmware.module.css';
import { sendImage, type UploadNames } from './send-image.ts';

type State =
  | { readonly step: 'empty' }
  | { readonly step: 'chosen'; readonly file: File; readonly refusal?: Error }
  | { readonly step: 'sending'; readonly file: File; readonly sentBytes: number }
  | { readonly step: 'done'; readonly answer: UploadAnswer };

export function Upload({ onOpen }: { readonly onOpen: (firmware: Firmware) => void }): ReactNode {
  const client = useQueryClient();
  const [state, setState] = useState<State>({ step: 'empty' });
  const [isOver, setOver] = useState(false);
  const choose = (file: File | null | undefined): void => {
    if (file !== null && file !== undefined) setState({ step: 'chosen', file });
  };
  const send = (file: File, names: UploadNames): void => {
    setState({ step: 'sending', file, sentBytes: 0 });
    sendImage(file, names, (sentBytes) => setState({ step: 'sending', file, sentBytes })).then(
      (answer) => {
        setState({ step: 'done', answer });
        return client.invalidateQueries();
      },
      (refusal: Error) => setState({ step: 'chosen', file, refusal }),
    );
  };
  return (
    <div
      className={css['drop']}
      data-over={isOver}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        choose(event.dataTransfer.files[0]);
      }}
    >
      {state.step === 'empty' ? <Invitation onChoose={choose} /> : null}
      {state.step === 'chosen' ? (
        <Chosen key={state.file.name} state={state} onSend={send} onCancel={() => setState({ step: 'empty' })} />
      ) : null}
      {state.step === 'sending' ? <Sending file={state.file} sentBytes={state.sentBytes} /> : null}
      {state.step === 'done' ? (
        <Done answer={state.answer} onOpen={onOpen} onMore={() => setState({ step: 'empty' })} />
      ) : null}
    </div>
  );
}

function Invitation({ onChoose }: { readonly onChoose: (file: File | null) => void }): ReactNode {
  return (
    <Group justify="space-between" gap="md">
      <Group gap="md" wrap="nowrap">
        <IconUpload size={26} stroke={1.5} aria-hidden />
        <div>
          <Text fw={570}>Drop a firmware here</Text>
          <Text size="sm" c="dimmed">
            The .bin of a sketch. The server reads chip and version from it, and refuses what is no image.
          </Text>
        </div>
      </Group>
      <FileButton onChange={onChoose} accept=".bin,application/octet-stream">
        {(props) => (
          <Button variant="default" {...props}>
            Choose a file
          </Button>
        )}
      </FileButton>
    </Group>
  );
}

interface ChosenProps {
  readonly state: Extract<State, { readonly step: 'chosen' }>;
  readonly onSend: (file: File, names: UploadNames) => void;
  readonly onCancel: () => void;
}

function Chosen({ state: { file, refusal }, onSend, onCancel }: ChosenProps): ReactNode {
  const [names, setNames] = useState<UploadNames>({ product: '', version: '', notes: '', ready: true });
  const change = (part: Partial<UploadNames>): void => setNames({ ...names, ...part });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onSend(file, names);
      }}
    >
      <Stack gap="md">
        <Text fw={570}>
          {file.name}{' '}
          <Text span c="dimmed" fw={400}>
            {bytes(file.size)}
          </Text>
        </Text>
        {refusal === undefined ? null : (
          <Note tone="bad">
            <b>{sentence(refusal.message)}</b> {refusal instanceof Refusal ? sentence(refusal.hint) : ''}
          </Note>
        )}
        <Group gap="md" align="flex-start">
          <TextInput
            label="Version"
            placeholder="what the image says"
            value={names.version}
            onChange={({ currentTarget }) => change({ version: currentTarget.value })}
            w={{ base: '100%', xs: 180 }}
          />
          <TextInput
            label="Product"
            placeholder="what the image says"
            value={names.product}
            onChange={({ currentTarget }) => change({ product: currentTarget.value })}
            w={{ base: '100%', xs: 180 }}
          />
          <TextInput
            label="Release notes"
            placeholder="what is new"
            value={names.notes}
            onChange={({ currentTarget }) => change({ notes: currentTarget.value })}
            flex={1}
            miw={200}
          />
        </Group>
        <Checkbox
          label="It may go to the pilot"
          checked={names.ready}
          onChange={({ currentTarget }) => change({ ready: currentTarget.checked })}
        />
        <Group gap="xs">
          <Button type="submit">Upload</Button>
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Sending({ file, sentBytes }: { readonly file: File; readonly sentBytes: number }): ReactNode {
  const isSent = sentBytes >= file.size;
  return (
    <Stack gap="xs">
      <Text size="sm">
        {isSent ? 'The server checks and stores it' : `Sending ${file.name}`}{' '}
        <Text span c="dimmed">
          {percent(sentBytes, file.size)}
        </Text>
      </Text>
      <Progress value={(sentBytes / Math.max(file.size, 1)) * 100} animated={isSent} aria-label="Upload" />
    </Stack>
  );
}

interface DoneProps {
  readonly answer: UploadAnswer;
  readonly onOpen: (firmware: Firmware) => void;
  readonly onMore: () => void;
}

function Done({ answer, onOpen, onMore }: DoneProps): ReactNode {
  const { firmware, image, already_there: wasThere, warnings } = answer;
  return (
    <Stack gap="md">
      <Note tone="good" icon={<IconCircleCheck size={18} />}>
        <b>
          {firmware.product} {firmware.version} {wasThere ? 'was there already' : 'is stored'}
        </b>
        , every byte checked.
      </Note>
      <Card>
        <Facts
          rows={[
            ['Chip', image.chip],
            ['Size', bytes(image.size_bytes)],
            ['Security version', String(firmware.security_version)],
            ['SHA-256', <code key="sha">{image.sha256}</code>],
          ]}
        />
      </Card>
      {warnings.map((warning) => (
        <Note key={warning} tone="warn">
          {sentence(warning)}
        </Note>
      ))}
      <Group gap="xs">
        <Button onClick={() => onOpen(firmware)}>What now?</Button>
        <Button variant="default" onClick={onMore}>
          Upload another
        </Button>
      </Group>
    </Stack>
  );
}
