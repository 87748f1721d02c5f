// The stages of a plan of one's own, which begins as a copy of another one. It is kept by its name, because a rollout is made of a plan
// that the server knows. What the server refuses stands beside the field that it means.

import { Button, Checkbox, Group, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { Refusal } from '#dashboard/data/api.ts';
import { sentence, useAction } from '#dashboard/data/queries.ts';
import { Command } from '#dashboard/parts/command.tsx';
import { useLeaveGuard } from '#dashboard/parts/ask/leave-guard.tsx';
import { Note } from '#dashboard/parts/note.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import { LENGTH_HINT } from '#dashboard/parts/text/length.ts';
import { GENERAL_LABEL } from '#dashboard/parts/words.ts';
import type { ListedPlan } from '#protocol/admin/rollouts.ts';
import { MAX_PLAN_STAGES } from '#protocol/limits.ts';
import {
  draftOf,
  type FieldFault,
  fieldFaultOf,
  NEW_GATE,
  type PlanDraft,
  planOf,
  type StageDraft,
} from './plan-draft.ts';
import { StageFields } from './stage-fields.tsx';

interface PlanEditorProps {
  readonly from: ListedPlan;
  readonly onSaved: (name: string) => void;
  readonly onCancel: () => void;
}

export default function PlanEditor({ from, onSaved, onCancel }: PlanEditorProps): ReactNode {
  const [first] = useState(() => draftOf(from));
  const [draft, setDraft] = useState(first);
  const [fault, setFault] = useState<FieldFault>();
  const save = useAction('setPlan', ({ name }) => `Plan ${name} is kept`, { isShown: true });
  const { dialog, release, ask } = useLeaveGuard(draft !== first, 'The stages that you wrote are lost.');
  const set = (part: Partial<PlanDraft>): void => setDraft({ ...draft, ...part });
  const errorOf = (field: string): string | undefined => (fault?.field === field ? fault.text : undefined);
  const keep = (): void => {
    setFault(undefined);
    save.mutate(
      { params: { name: draft.name.trim() }, body: planOf(draft) },
      {
        onSuccess: ({ name }) => {
          release();
          onSaved(name);
        },
        onError: (error) => setFault(error instanceof Refusal ? faultOf(error) : undefined),
      },
    );
  };
  return (
    <Card title={`Stages, from plan ${from.name}`}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          keep();
        }}
      >
        <Stack gap="md">
          <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
            <TextInput
              label="Name of the plan"
              description="It is kept, and can be chosen again."
              value={draft.name}
              onChange={({ currentTarget }) => set({ name: currentTarget.value })}
              error={errorOf('name')}
              maxLength={32}
              required
              withAsterisk={false}
            />
            <TextInput
              label="What it is for (optional)"
              description="One line."
              value={draft.description}
              onChange={({ currentTarget }) => set({ description: currentTarget.value })}
              error={errorOf('description')}
              maxLength={200}
            />
          </SimpleGrid>
          <Stages draft={draft} fault={fault} onChange={(stages) => set({ stages })} />
          <Extras draft={draft} onChange={set} errorOf={errorOf} />
          {fault === undefined ? null : (
            <Note tone="bad">
              <b>{placeOf(fault, draft)}:</b> {sentence(fault.text)}
            </Note>
          )}
          <Group gap="xs">
            <Button type="submit" loading={save.isPending}>
              Keep the plan
            </Button>
            <Button variant="default" onClick={() => ask(onCancel)}>
              Cancel
            </Button>
          </Group>
          <PlanText draft={draft} />
        </Stack>
      </form>
      {dialog}
    </Card>
  );
}

interface StagesProps {
  readonly draft: PlanDraft;
  readonly fault: FieldFault | undefined;
  readonly onChange: (stages: readonly StageDraft[]) => void;
}

function Stages({ draft: { stages }, fault, onChange }: StagesProps): ReactNode {
  const move = (from: number, by: -1 | 1): void => {
    const moved = stages[from];
    if (moved === undefined) return;
    const others = stages.toSpliced(from, 1);
    onChange(others.toSpliced(from + by, 0, moved));
  };
  const add = (): void =>
    onChange([
      ...stages,
      {
        key: Math.max(-1, ...stages.map(({ key }) => key)) + 1,
        name: `stage-${stages.length + 1}`,
        label: GENERAL_LABEL,
        percentage: '100',
        isAuto: true,
        gate: NEW_GATE,
        window: undefined,
        maxInFlight: '',
        maxOffersPerMinute: '',
      },
    ]);
  return (
    <>
      {stages.map((stage, position) => (
        <StageFields
          key={stage.key}
          stage={stage}
          position={position}
          isLast={position === stages.length - 1}
          isOnly={stages.length === 1}
          fault={fault}
          onChange={(changed) => onChange(stages.with(position, changed))}
          onMove={(by) => move(position, by)}
          onRemove={() => onChange(stages.toSpliced(position, 1))}
        />
      ))}
      <Button
        variant="default"
        leftSection={<IconPlus size={16} />}
        onClick={add}
        disabled={stages.length >= MAX_PLAN_STAGES}
        style={{ alignSelf: 'flex-start' }}
      >
        {stages.length >= MAX_PLAN_STAGES ? `${MAX_PLAN_STAGES} stages are the most` : 'Add a stage'}
      </Button>
    </>
  );
}

interface ExtrasProps {
  readonly draft: PlanDraft;
  readonly onChange: (part: Partial<PlanDraft>) => void;
  readonly errorOf: (field: string) => string | undefined;
}

/** Consent of the board, and the watch after the end. */
function Extras({ draft, onChange, errorOf }: ExtrasProps): ReactNode {
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
      <Stack gap="xs">
        <Checkbox
          label="Ask the board first"
          description="Its application may put the update off."
          checked={draft.asksBoard}
          onChange={({ currentTarget }) => onChange({ asksBoard: currentTarget.checked })}
          error={errorOf('consent')}
        />
        {draft.asksBoard ? (
          <TextInput
            label="Not asked any more after"
            description={`${LENGTH_HINT}; empty: it is always asked`}
            value={draft.forceAfter}
            onChange={({ currentTarget }) => onChange({ forceAfter: currentTarget.value })}
            error={errorOf('force_after_s')}
          />
        ) : null}
      </Stack>
      <TextInput
        label="Watched after it is complete for"
        description={`${LENGTH_HINT}; empty: 1d`}
        value={draft.watch}
        onChange={({ currentTarget }) => onChange({ watch: currentTarget.value })}
        error={errorOf('watch_s')}
      />
    </SimpleGrid>
  );
}

function PlanText({ draft }: { readonly draft: PlanDraft }): ReactNode {
  const name = draft.name.trim();
  return (
    <details>
      <summary style={{ cursor: 'pointer', fontSize: 14 }}>The plan as text</summary>
      <Stack gap="xs" mt="xs">
        <Text size="sm" c="dimmed">
          Save it as {name}.json, and <code>otter plan set {name}.json</code> keeps the same plan.
        </Text>
        <Command text={JSON.stringify({ name, ...planOf(draft) }, null, 2)} block />
      </Stack>
    </details>
  );
}

/** A refusal that names no field is about the name: that one is taken. */
function faultOf({ message, code }: Refusal): FieldFault {
  if (code === 'id_invalid' || code === 'name_reserved' || code === 'plan_from_file')
    return { field: 'name', text: fieldFaultOf(message)?.text ?? message };
  return fieldFaultOf(message) ?? { field: '', text: message };
}

/** `Stage 2, gate min confirmed`. */
function placeOf({ field }: FieldFault, { stages }: PlanDraft): string {
  const [, position, member] = /^stages\.(\d+)\.?(.*)$/.exec(field) ?? [];
  if (position === undefined) return field === '' ? 'It was refused' : field.replaceAll('_', ' ');
  const stage = stages[Number(position)]?.name;
  return `Stage ${Number(position) + 1}${stage === undefined ? '' : ` (${stage})`}, ${(member ?? '').replaceAll(/[._]/g, ' ')}`;
}
