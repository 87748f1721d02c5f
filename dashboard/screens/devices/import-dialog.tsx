// A CSV file with names, labels and notes of boards: first what it would change and what is wrong in which line, then the question.

import { Button, Checkbox, FileInput, Group, Modal, Stack, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { callRaw, Refusal } from '#dashboard/data/api.ts';
import { sentence, tell } from '#dashboard/data/queries.ts';
import { Note } from '#dashboard/parts/note.tsx';
import { boards, bytes, count } from '#dashboard/parts/words.ts';
import type { DeviceImport } from '#protocol/admin/fleet/device-table.ts';
import { MAX_TABLE_BYTES } from '#protocol/limits.ts';
import css from './devices.module.css';

export default function ImportDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [file, setFile] = useState<File | null>(null);
  const [skips, setSkips] = useState(false);
  const { would, isReading, fault, run, isBusy, failed } = useImport(file, skips, onClose);
  const canImport = would !== undefined && would.fault_count === 0 && would.changed > 0 && !isReading;
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title="Import names, labels and notes"
      styles={{ title: { fontWeight: 620 } }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run();
        }}
      >
        <Stack gap="md">
          <Text size="sm">
            A table with the columns mac, name, labels and note. A column that it does not have stays as it is; an empty
            cell takes away what is there. “Export names, labels and notes” of ticked boards writes such a file.
          </Text>
          <FileInput
            label="CSV file"
            placeholder="Choose a file"
            accept=".csv,.tsv,.txt,text/csv"
            value={file}
            onChange={setFile}
            clearable
            clearButtonProps={{ 'aria-label': 'Take the file away' }}
          />
          <Checkbox
            label="Leave out boards that have not checked in"
            description="Without it, each of their lines is a fault."
            checked={skips}
            onChange={({ currentTarget }) => setSkips(currentTarget.checked)}
          />
          {isReading ? (
            <Text size="sm" c="dimmed" role="status">
              Reading …
            </Text>
          ) : null}
          {fault === undefined ? null : <Note tone="bad">{fault}</Note>}
          {would === undefined ? null : <Preview would={would} />}
          {failed === undefined ? null : <Note tone="bad">{failed} The same file once more does what is left.</Note>}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" disabled={!canImport} loading={isBusy}>
              {would === undefined || would.changed === 0 ? 'Import' : `Change ${boards(would.changed)}`}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** Asks what the file would do, for as long as it is chosen, and does it. */
function useImport(file: File | null, skips: boolean, onDone: () => void) {
  const client = useQueryClient();
  const [isBusy, setBusy] = useState(false);
  const [failed, setFailed] = useState<string>();
  const [runs, setRuns] = useState(0);
  const isTooLarge = file !== null && file.size > MAX_TABLE_BYTES;
  const query = skips ? ({ skip_unknown: 'true' } as const) : {};
  const preview = useQuery<DeviceImport>({
    queryKey: ['importDevices', file?.name, file?.size, file?.lastModified, skips, runs],
    queryFn: async ({ signal }) => callRaw('importDevices', { query }, await bytesOf(file), signal),
    enabled: file !== null && !isTooLarge,
    refetchInterval: false,
    staleTime: 'static',
    gcTime: 0,
  });
  const doIt = async (): Promise<void> => {
    const done = await callRaw('importDevices', { query: { ...query, confirm: 'true' } }, await bytesOf(file));
    tell(`${boards(done.changed)} changed`);
    onDone();
  };
  const run = (): void => {
    setFailed(undefined);
    setBusy(true);
    doIt()
      .catch((error: Error) => setFailed(faultOf(error)))
      .finally(() => {
        setBusy(false);
        setRuns((before) => before + 1);
        void client.invalidateQueries();
      });
  };
  const fault = isTooLarge
    ? `The file has ${bytes(file.size)}; a table has at most ${bytes(MAX_TABLE_BYTES)}.`
    : preview.error === null || preview.isFetching
      ? undefined
      : faultOf(preview.error);
  const isReading = preview.isFetching;
  return { would: isReading || file === null ? undefined : preview.data, isReading, fault, run, isBusy, failed };
}

/** Faults first: nothing is imported while there is one. */
function Preview({ would }: { readonly would: DeviceImport }): ReactNode {
  const { devices, changed, unknown, named, noted, labels, changes, fault_count: faultCount, faults } = would;
  const parts = [...(named === 0 ? [] : [`${count(named)} names`]), ...(noted === 0 ? [] : [`${count(noted)} notes`])];
  return (
    <Stack gap="sm">
      {faultCount === 0 ? null : (
        <Note tone="bad">
          <b>
            {count(faultCount)} {faultCount === 1 ? 'line is' : 'lines are'} wrong, so nothing is imported.
          </b>
          <Lines lines={faults} more={faultCount - faults.length} name="What is wrong" />
        </Note>
      )}
      <Text size="sm" role="status">
        <b>{changed === 0 ? 'Nothing would change' : `${count(changed)} of ${boards(devices)} would change`}</b>
        {parts.length === 0 ? '' : `: ${parts.join(' and ')}`}.
        {unknown === 0 ? '' : ` Left out, because they have not checked in: ${boards(unknown)}.`}
      </Text>
      {labels.map((label) => (
        <LabelChange key={label.label} label={label} />
      ))}
      {changes.length === 0 ? null : (
        <Lines
          lines={changes.map(({ line, mac, text }) => ({ line, text: `${mac} ${text}` }))}
          more={changed - changes.length}
          name="What would change"
        />
      )}
    </Stack>
  );
}

function LabelChange({ label: one }: { readonly label: DeviceImport['labels'][number] }): ReactNode {
  const { label, is_new: isNew, put_on: putOn, taken_off: takenOff, rollouts } = one;
  const what = [
    ...(putOn === 0 ? [] : [`put on ${boards(putOn)}`]),
    ...(takenOff === 0 ? [] : [`taken off ${boards(takenOff)}`]),
    ...(isNew ? ['it is new'] : []),
  ].join(', ');
  if (rollouts.length === 0)
    return (
      <Text size="sm">
        Label <b>{label}</b>: {what}.
      </Text>
    );
  return (
    <Note tone="warn">
      Label <b>{label}</b>: {what}. A stage of {rollouts.join(', ')} is for it.
    </Note>
  );
}

interface LinesProps {
  readonly lines: readonly { readonly line: number; readonly text: string }[];
  readonly more: number;
  readonly name: string;
}

function Lines({ lines, more, name }: LinesProps): ReactNode {
  return (
    <div className={css['lines']} role="region" aria-label={name} tabIndex={0}>
      {lines.map(({ line, text }, index) => (
        // A line may have two faults.
        // oxlint-disable-next-line react/no-array-index-key
        <div key={`${line} ${index}`}>
          <span className={css['dim']}>Line {count(line)}:</span> {text}
        </div>
      ))}
      {more > 0 ? <div className={css['dim']}>and {count(more)} more</div> : null}
    </div>
  );
}

async function bytesOf(file: File | null): Promise<ArrayBuffer> {
  return file === null ? new ArrayBuffer(0) : file.arrayBuffer();
}

function faultOf(error: Error): string {
  if (error instanceof Refusal) return `${sentence(error.message)} ${sentence(error.hint)}`;
  return 'The server does not answer, or the file cannot be read.';
}
