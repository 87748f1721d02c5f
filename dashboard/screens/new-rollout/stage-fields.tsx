// One stage of a plan: who is in it, what it must show, when and how fast.

import { ActionIcon, Checkbox, NativeSelect, SimpleGrid, TextInput, Title } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconTrash } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { LENGTH_HINT } from '#dashboard/parts/text/length.ts';
import { nameOf } from '#dashboard/parts/words.ts';
import { GateFields } from './gate-fields.tsx';
import { type FieldFault, NEW_GATE, newWindow, type StageDraft, type WindowDraft } from './plan-draft.ts';
import css from './new-rollout.module.css';

interface StageFieldsProps {
  readonly stage: StageDraft;
  readonly position: number;
  readonly isLast: boolean;
  readonly isOnly: boolean;
  readonly fault: FieldFault | undefined;
  readonly onChange: (stage: StageDraft) => void;
  readonly onMove: (by: -1 | 1) => void;
  readonly onRemove: () => void;
}

export function StageFields(props: StageFieldsProps): ReactNode {
  const { stage, position, isLast, fault, onChange } = props;
  const set = (part: Partial<StageDraft>): void => onChange({ ...stage, ...part });
  const errorOf = (member: string): string | undefined =>
    fault?.field === `stages.${position}.${member}` ? fault.text : undefined;
  return (
    <section className={css['stageCard']} aria-label={`Stage ${position + 1}`}>
      <Head {...props} />
      <Who stage={stage} isLast={isLast} onChange={set} errorOf={errorOf} />
      <Checkbox
        label="A gate: what it must show before the next stage opens"
        checked={stage.gate !== undefined}
        onChange={({ currentTarget }) => set({ gate: currentTarget.checked ? NEW_GATE : undefined })}
        error={errorOf('gate')}
      />
      {stage.gate === undefined ? null : (
        <GateFields
          gate={stage.gate}
          onChange={(gate) => set({ gate })}
          errorOf={(member) => errorOf(`gate.${member}`)}
        />
      )}
      <Checkbox
        label="A window: installs only at certain hours"
        checked={stage.window !== undefined}
        onChange={({ currentTarget }) => set({ window: currentTarget.checked ? newWindow() : undefined })}
      />
      {stage.window === undefined ? null : (
        <WindowFields
          window={stage.window}
          onChange={(window) => set({ window })}
          errorOf={(member) => errorOf(`window.${member}`)}
        />
      )}
      <Pace stage={stage} onChange={set} errorOf={errorOf} />
    </section>
  );
}

interface PartProps {
  readonly stage: StageDraft;
  readonly onChange: (part: Partial<StageDraft>) => void;
  /** By the name of the member in the plan. */
  readonly errorOf: (member: string) => string | undefined;
}

function Who({ stage, isLast, onChange, errorOf }: PartProps & { readonly isLast: boolean }): ReactNode {
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} spacing="sm">
      <TextInput
        label="Name"
        value={stage.name}
        onChange={({ currentTarget }) => onChange({ name: currentTarget.value })}
        error={errorOf('name')}
        maxLength={32}
      />
      <TextInput
        label="Label"
        description="general is every board"
        inputWrapperOrder={['label', 'input', 'description', 'error']}
        value={stage.label}
        onChange={({ currentTarget }) => onChange({ label: currentTarget.value })}
        error={errorOf('label')}
      />
      <TextInput
        label="Share of them, %"
        inputMode="numeric"
        value={stage.percentage}
        onChange={({ currentTarget }) => onChange({ percentage: currentTarget.value })}
        error={errorOf('percentage')}
      />
      <NativeSelect
        label={isLast ? 'Who completes it' : 'Who opens the next one'}
        data={[
          { value: 'manual', label: 'a person' },
          { value: 'auto', label: 'its gate, by itself' },
        ]}
        value={stage.isAuto ? 'auto' : 'manual'}
        onChange={({ currentTarget }) => {
          const isAuto = currentTarget.value === 'auto';
          onChange({ isAuto, ...(isAuto && stage.gate === undefined ? { gate: NEW_GATE } : {}) });
        }}
      />
    </SimpleGrid>
  );
}

function Pace({ stage, onChange, errorOf }: PartProps): ReactNode {
  const isOpen = errorOf('max_in_flight') !== undefined || errorOf('max_offers_per_minute') !== undefined;
  return (
    <details open={isOpen || undefined}>
      <summary className={css['summary']}>Pace{paceText(stage)}</summary>
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm" mt="xs">
        <TextInput
          label="Most boards updating at once"
          description="empty: no limit"
          inputMode="numeric"
          value={stage.maxInFlight}
          onChange={({ currentTarget }) => onChange({ maxInFlight: currentTarget.value })}
          error={errorOf('max_in_flight')}
        />
        <TextInput
          label="Most that begin in a minute"
          description="empty: no limit"
          inputMode="numeric"
          value={stage.maxOffersPerMinute}
          onChange={({ currentTarget }) => onChange({ maxOffersPerMinute: currentTarget.value })}
          error={errorOf('max_offers_per_minute')}
        />
      </SimpleGrid>
    </details>
  );
}

function paceText({ maxInFlight, maxOffersPerMinute }: StageDraft): string {
  const parts = [
    maxInFlight === '' ? '' : `${maxInFlight} at once`,
    maxOffersPerMinute === '' ? '' : `${maxOffersPerMinute} a minute`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? ': no limit' : `: ${parts.join(', ')}`;
}

function Head({ stage, position, isLast, isOnly, onMove, onRemove }: StageFieldsProps): ReactNode {
  const called = stage.name === '' ? `stage ${position + 1}` : stage.name;
  return (
    <div className={css['stageHead']}>
      <Title order={3}>
        {position + 1}. {stage.name}
      </Title>
      <span>
        <ActionIcon
          variant="subtle"
          color="gray"
          disabled={position === 0}
          onClick={() => onMove(-1)}
          {...nameOf(`Move ${called} up`)}
        >
          <IconArrowUp size={17} />
        </ActionIcon>
        <ActionIcon
          variant="subtle"
          color="gray"
          disabled={isLast}
          onClick={() => onMove(1)}
          {...nameOf(`Move ${called} down`)}
        >
          <IconArrowDown size={17} />
        </ActionIcon>
        <ActionIcon variant="subtle" color="gray" disabled={isOnly} onClick={onRemove} {...nameOf(`Remove ${called}`)}>
          <IconTrash size={17} />
        </ActionIcon>
      </span>
    </div>
  );
}

interface WindowFieldsProps {
  readonly window: WindowDraft;
  readonly onChange: (window: WindowDraft) => void;
  readonly errorOf: (member: string) => string | undefined;
}

function WindowFields({ window, onChange, errorOf }: WindowFieldsProps): ReactNode {
  const set = (part: Partial<WindowDraft>): void => onChange({ ...window, ...part });
  return (
    <div className={css['inner']}>
      <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="sm">
        <TextInput
          label="Opens"
          description="minute, hour, day, month, weekday"
          value={window.cron}
          onChange={({ currentTarget }) => set({ cron: currentTarget.value })}
          error={errorOf('cron')}
        />
        <TextInput
          label="Time zone"
          description="such as Europe/Berlin"
          value={window.timezone}
          onChange={({ currentTarget }) => set({ timezone: currentTarget.value })}
          error={errorOf('timezone')}
        />
        <TextInput
          label="Stays open for"
          description={LENGTH_HINT}
          value={window.duration}
          onChange={({ currentTarget }) => set({ duration: currentTarget.value })}
          error={errorOf('duration_s')}
        />
      </SimpleGrid>
      <Checkbox
        mt="sm"
        label="By the day of each board, in the time zone of its label"
        checked={window.deviceLocal}
        onChange={({ currentTarget }) => set({ deviceLocal: currentTarget.checked })}
      />
    </div>
  );
}
