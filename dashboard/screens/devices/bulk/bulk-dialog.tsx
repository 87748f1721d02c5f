// Asks before many boards are changed: what is to be filled in, how many would change, then how far it is, with a stop.

import { Button, Group, Modal, Progress, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useRef, useState } from 'react';
import { Refusal } from '#dashboard/data/api.ts';
import { sentence, tell } from '#dashboard/data/queries.ts';
import { Note } from '#dashboard/parts/note.tsx';
import { boards, count } from '#dashboard/parts/words.ts';
import { Fields, type Filled, missingOf, NOTHING_FILLED } from './fields.tsx';
import { type Change, countChange, type Numbers, runChange } from './run.ts';
import { type BulkVerb, VERB_TEXTS } from './verbs.ts';

const TYPING_MS = 300;

interface BulkDialogProps {
  readonly verb: BulkVerb;
  /** `37 boards`, or all that match. */
  readonly picked: string;
  readonly queries: readonly string[];
  readonly onClose: () => void;
  readonly onDone: () => void;
}

export default function BulkDialog({ verb, picked, queries, onClose, onDone }: BulkDialogProps): ReactNode {
  const text = VERB_TEXTS[verb];
  const [filled, setFilled] = useState<Filled>(NOTHING_FILLED);
  const missing = missingOf(verb, filled);
  const { run, stop, changed, isRunning, said, runs } = useRun({ verb, filled, queries, onDone, onClose });
  const numbers = useNumbers(verb, filled, queries, runs);
  const changes = numbers.data?.to_change ?? 0;
  return (
    <Modal
      opened
      onClose={isRunning ? stop : onClose}
      closeOnClickOutside={!isRunning}
      title={text.title(picked)}
      styles={{ title: { fontWeight: 620 } }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (numbers.data !== undefined) run(numbers.data);
        }}
      >
        <Stack gap="md">
          {text.about === '' ? null : <Text size="sm">{text.about}</Text>}
          <Fields verb={verb} filled={filled} onFill={setFilled} isDisabled={isRunning} />
          {said === undefined ? null : <Note tone="warn">{said}</Note>}
          {isRunning ? (
            <Stack gap={6} role="status">
              <Progress value={changes === 0 ? 0 : (changed / changes) * 100} aria-label="Done so far" />
              <Text size="sm" c="dimmed">
                {count(changed)} of {boards(changes)} so far. Closed or stopped, what is done stays done.
              </Text>
            </Stack>
          ) : (
            <NumbersText
              numbers={numbers}
              others={text.others}
              isAsked={missing === undefined || missing === 'reason'}
            />
          )}
          <Group justify="flex-end" gap="xs">
            {isRunning ? (
              <Button variant="default" onClick={stop} data-autofocus>
                Stop
              </Button>
            ) : (
              <>
                <Button variant="default" onClick={onClose}>
                  Cancel
                </Button>
                <Button
                  type="submit"
                  color={text.isDanger === true ? 'red.9' : 'otter'}
                  disabled={missing !== undefined || changes === 0 || numbers.isFetching}
                >
                  {text.confirm(boards(changes))}
                </Button>
              </>
            )}
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** Counted for what is filled in, as soon as nobody types, and anew after a run; what is asked does not change under the pointer. */
function useNumbers(verb: BulkVerb, { label, version }: Filled, queries: readonly string[], runs: number) {
  const given = { verb, ...(label === '' ? {} : { label }), ...(version === '' ? {} : { version }) };
  const [asked] = useDebouncedValue(JSON.stringify(given), TYPING_MS);
  const needsLabel = verb === 'label' || verb === 'unlabel';
  const query = useQuery<Numbers>({
    queryKey: ['previewBulk', asked, queries, runs],
    queryFn: async ({ signal }) => countChange(queries, JSON.parse(asked) as typeof given, signal),
    enabled: !needsLabel || (JSON.parse(asked) as typeof given).label !== undefined,
    refetchInterval: false,
    staleTime: 'static',
    gcTime: 0,
  });
  const isOld = asked !== JSON.stringify(given);
  return { ...query, isFetching: query.isFetching || isOld, data: isOld ? undefined : query.data };
}

interface RunProps extends Pick<BulkDialogProps, 'verb' | 'queries' | 'onDone' | 'onClose'> {
  readonly filled: Filled;
}

function useRun({ verb, filled, queries, onDone, onClose }: RunProps) {
  const client = useQueryClient();
  const [changed, setChanged] = useState(0);
  const [isRunning, setRunning] = useState(false);
  const [said, say] = useState<string>();
  const [runs, setRuns] = useState(0);
  const isStopped = useRef(false);
  const change = changeOf(verb, filled);
  const goThrough = async (numbers: Numbers): Promise<void> => {
    let done = 0;
    const soFar = (): string =>
      `${count(done)} of ${boards(numbers.to_change)} are done, the others are as they were. The same once more goes on.`;
    const onChanged = (now: number): void => {
      done = now;
      setChanged(now);
    };
    try {
      const isWhole = await runChange(queries, change, { numbers, isStopped: () => isStopped.current, onChanged });
      if (!isWhole) return say(`Stopped: ${soFar()}`);
    } catch (error) {
      return say(`${faultOf(error)} ${soFar()}`);
    }
    tell(VERB_TEXTS[verb].done(done, filled.label));
    onDone();
    onClose();
  };
  const run = (numbers: Numbers): void => {
    isStopped.current = false;
    setChanged(0);
    say(undefined);
    setRunning(true);
    void goThrough(numbers).finally(() => {
      setRunning(false);
      setRuns((before) => before + 1);
      void client.invalidateQueries();
    });
  };
  const stop = (): void => {
    isStopped.current = true;
  };
  return { run, stop, changed, isRunning, said, runs };
}

function changeOf(verb: BulkVerb, { label, version, reason, end }: Filled): Change {
  return {
    verb,
    ...(label === '' ? {} : { label }),
    ...(version === '' ? {} : { version }),
    ...(verb === 'hold' ? { reason: reason.trim(), ...(end.until === undefined ? {} : { until: end.until }) } : {}),
    ...(verb === 'hold' && end.isFixed ? { way_back: 'hold' } : {}),
  };
}

interface NumbersTextProps {
  readonly numbers: Pick<ReturnType<typeof useNumbers>, 'data' | 'error' | 'isFetching'>;
  readonly others: string;
  /** Everything that decides them is filled in. */
  readonly isAsked: boolean;
}

function NumbersText({ numbers: { data, error, isFetching }, others, isAsked }: NumbersTextProps): ReactNode {
  if (!isAsked) return null;
  if (isFetching || (data === undefined && error === null))
    return (
      <Text size="sm" c="dimmed" role="status">
        Counting …
      </Text>
    );
  if (data === undefined) return error === null ? null : <Note tone="bad">{faultOf(error)}</Note>;
  const { matched, to_change: changes, full, warnings } = data;
  const same = matched - changes - full;
  return (
    <Stack gap="xs">
      <Text size="sm" role="status">
        <b>{changes === 0 ? 'None of them would change' : `${boards(changes)} would change`}</b>
        {same > 0 ? `; ${count(same)} ${others}.` : '.'}
      </Text>
      {warnings.map((warning) => (
        <Note key={warning} tone="warn">
          {sentence(warning)}
        </Note>
      ))}
    </Stack>
  );
}

function faultOf(error: unknown): string {
  return error instanceof Refusal
    ? `${sentence(error.message)} ${sentence(error.hint)}`
    : 'The server does not answer.';
}
