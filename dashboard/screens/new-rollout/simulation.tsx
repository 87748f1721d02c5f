// How this rollout would go: a chart, a verdict in one line, and what became of the boards of each stage.

import { Button, Group, NativeSelect, SimpleGrid, Stack, Table, Text, TextInput } from '@mantine/core';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { sentence, useCall } from '#dashboard/data/queries.ts';
import { Command } from '#dashboard/parts/command.tsx';
import { Note } from '#dashboard/parts/note.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import { lengthText } from '#dashboard/parts/time.tsx';
import { count } from '#dashboard/parts/words.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import type { SimulationProgress, SimulationRun, SimulationSetup } from './run-simulation.ts';
import { SimulationChart } from './simulation-chart.tsx';

/** What makes a build bad, as the command names it. */
const FAULTS = [
  ['fails_trial', 'fails its trial'],
  ['hangs_on_trial', 'hangs on trial'],
  ['bricks', 'kills the board while it installs'],
  ['goes_back', 'goes back after a while'],
  ['dies', 'confirms, and is never heard of again'],
  ['crash_loops', 'confirms, then crashes again and again'],
  ['leaks_heap', 'confirms, then loses its free heap'],
] as const;
type FaultName = (typeof FAULTS)[number][0];

const MOST_BOARDS = 20_000;
const FEWEST_BOARDS = 20;
const USUAL_BOARDS = 1_000;
/** Where the firmware has no image to measure, as the command has it. */
const USUAL_IMAGE_BYTES = 1_048_576;

export function Simulation({ name }: { readonly name: string }): ReactNode {
  const rollout = useCall('getRollout', { params: { name } });
  const status = useCall('getStatus', {});
  const firmware = useCall('listFirmware', { query: { limit: '500', sort: '-created_at' } });
  const [setup, setSetup] = useState<Setup>({ devices: '', share: '0', fault: 'crash_loops' });
  const run = useRun();
  if (rollout.data === undefined || status.data === undefined || firmware.data === undefined) return null;
  const { version, product } = rollout.data;
  const known = status.data.versions
    .filter((one) => one.product === product)
    .reduce((sum, one) => sum + one.devices, 0);
  const usual = Math.min(MOST_BOARDS, Math.max(known, USUAL_BOARDS));
  const { share, fault } = setup;
  const size = setup.devices === '' ? usual : Number(setup.devices);
  const images = firmware.data.items.find((one) => one.version === version && one.product === product)?.images ?? [];
  const bad = Number(share) === 0 ? '' : ` --fault ${fault}=${share}%`;
  return (
    <Card title="How would it go">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!isSizeFit(size) || !isShareFit(share)) return;
          run.start({
            stages: stagesOf(rollout.data),
            version,
            devices: size,
            pollIntervalS: status.data.poll_interval_s,
            imageBytes: Math.max(0, ...images.map(({ size_bytes: bytes }) => bytes)) || USUAL_IMAGE_BYTES,
            seed: 1,
            fault,
            faultShare: Number(share) / 100,
          });
        }}
      >
        <Stack gap="md">
          <Text size="sm" c="dimmed">
            Gone through in this browser, in virtual time and by the rules of the server, with made-up boards. Nothing
            is offered to yours.
          </Text>
          <SetupFields setup={setup} usual={usual} onChange={(part) => setSetup({ ...setup, ...part })} />
          <Group gap="sm">
            <Button type="submit" variant="default" loading={run.progress !== undefined}>
              Simulate
            </Button>
            <Text size="sm" c="dimmed" role="status">
              {run.progress === undefined
                ? ''
                : `${lengthText(run.progress.afterS)} in, ${count(run.progress.updated)} of ${count(size)} run it`}
            </Text>
          </Group>
          {run.failure === undefined ? null : <Note tone="bad">{sentence(run.failure)}</Note>}
          {run.done === undefined ? null : <Outcome run={run.done} />}
          <Command text={`otter rollout simulate ${name} --devices ${size}${bad}`} />
        </Stack>
      </form>
    </Card>
  );
}

/** As it is typed. */
interface Setup {
  readonly devices: string;
  readonly share: string;
  readonly fault: FaultName;
}

interface SetupFieldsProps {
  readonly setup: Setup;
  readonly usual: number;
  readonly onChange: (part: Partial<Setup>) => void;
}

function isSizeFit(size: number): boolean {
  return Number.isInteger(size) && size >= FEWEST_BOARDS && size <= MOST_BOARDS;
}

function isShareFit(share: string): boolean {
  return Number(share) >= 0 && Number(share) <= 100;
}

function SetupFields({ setup: { devices, share, fault }, usual, onChange }: SetupFieldsProps): ReactNode {
  const isSizeKnown = devices === '' || isSizeFit(Number(devices));
  return (
    <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="sm">
      <TextInput
        label="Boards"
        inputMode="numeric"
        placeholder={String(usual)}
        value={devices}
        onChange={({ currentTarget }) => onChange({ devices: currentTarget.value })}
        error={isSizeKnown ? undefined : `From ${FEWEST_BOARDS} to ${count(MOST_BOARDS)}.`}
      />
      <TextInput
        label="Bad on so many, %"
        inputMode="decimal"
        value={share}
        onChange={({ currentTarget }) => onChange({ share: currentTarget.value })}
        error={isShareFit(share) ? undefined : 'From 0 to 100.'}
      />
      <NativeSelect
        label="How the build is bad"
        data={FAULTS.map(([value, label]) => ({ value, label }))}
        value={fault}
        disabled={Number(share) === 0}
        onChange={({ currentTarget }) =>
          onChange({ fault: FAULTS.find(([one]) => one === currentTarget.value)?.[0] ?? 'crash_loops' })
        }
      />
    </SimpleGrid>
  );
}

/** A run at a time; leaving the page stops it. */
function useRun() {
  const [progress, setProgress] = useState<SimulationProgress>();
  const [done, setDone] = useState<SimulationRun>();
  const [failure, setFailure] = useState<string>();
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const start = (setup: SimulationSetup): void => {
    stop.current?.abort();
    const controller = new AbortController();
    stop.current = controller;
    setProgress({ afterS: 0, updated: 0 });
    setFailure(undefined);
    const go = async (): Promise<void> => {
      // The rules of the server: loaded when somebody wants them.
      const { runSimulation } = await import('./run-simulation.ts');
      setDone(await runSimulation(setup, setProgress, controller.signal));
    };
    go()
      .catch((error: unknown) => {
        if (!controller.signal.aborted) setFailure(error instanceof Error ? error.message : 'the simulation failed');
      })
      .finally(() => {
        if (!controller.signal.aborted) setProgress(undefined);
      });
  };
  return { start, progress, done, failure };
}

function stagesOf({ stages }: Rollout): SimulationSetup['stages'] {
  return stages.map(({ stage, label, percentage, promotion, gate, max_in_flight, max_offers_per_minute }) => ({
    name: stage,
    label,
    percentage,
    promotion,
    ...(gate === null ? {} : { gate }),
    ...(max_in_flight === null ? {} : { max_in_flight }),
    ...(max_offers_per_minute === null ? {} : { max_offers_per_minute }),
  }));
}

const TONES = { complete: 'good', halted: 'bad', regressed: 'bad', stuck: 'warn' } as const;

function Outcome({ run }: { readonly run: SimulationRun }): ReactNode {
  const { result } = run;
  return (
    <Stack gap="md">
      <Note tone={TONES[result.outcome]}>
        <b>{sentence(result.summary)}</b> After {lengthText(result.ended_after_s)}; {count(result.exposed)} were given
        the build, {count(result.affected)} were harmed by it.
      </Note>
      <SimulationChart run={run} />
      <Table.ScrollContainer
        minWidth={460}
        scrollAreaProps={{ viewportProps: { 'aria-label': 'Stages of the simulation', tabIndex: 0 } }}
      >
        <Table fz={13.5}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Stage</Table.Th>
              <Table.Th>Opens</Table.Th>
              <Table.Th ta="right">Given the build</Table.Th>
              <Table.Th ta="right">Healthy</Table.Th>
              <Table.Th ta="right">Harmed</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {result.stages.map(({ stage, opened_after_s: opened, exposed, affected, outcomes }) => (
              <Table.Tr key={stage}>
                <Table.Td fw={550}>{stage}</Table.Td>
                <Table.Td>
                  {opened === null ? 'never' : opened === 0 ? 'at once' : `after ${lengthText(opened)}`}
                </Table.Td>
                <Table.Td ta="right">{count(exposed)}</Table.Td>
                <Table.Td ta="right">{count(outcomes.healthy)}</Table.Td>
                <Table.Td ta="right">{count(affected)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <details>
        <summary style={{ cursor: 'pointer', fontSize: 14 }}>What happens when</summary>
        <ol style={{ margin: '8px 0 0', paddingLeft: 20, fontSize: 13.5, lineHeight: 1.6 }}>
          {result.timeline.map(({ after_s: after, text }) => (
            <li key={`${after} ${text}`}>
              <Text span c="dimmed" inherit>
                After {lengthText(after)}:
              </Text>{' '}
              {sentence(text)}
            </li>
          ))}
        </ol>
      </details>
    </Stack>
  );
}
