// From a firmware to a rollout that runs: which build, by which plan, what that would do, start. Nothing is offered before the start.

import { Button, Group, Select, Stack, Text, TextInput } from '@mantine/core';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { Link, useLocation, useSearchParams } from 'wouter';
import { useAction, useCall } from '#dashboard/data/queries.ts';
import { Answered, Empty, Loading } from '#dashboard/parts/answers.tsx';
import { Command } from '#dashboard/parts/command.tsx';
import { Card, Page } from '#dashboard/parts/page.tsx';
import { productOption } from '#dashboard/parts/words.ts';
import type { Firmware } from '#protocol/admin/firmware.ts';
import type { ListedPlan } from '#protocol/admin/rollouts.ts';
import { PlanChoice } from './plan-choice.tsx';
import { Preview } from './preview.tsx';

const PlanEditor = lazy(async () => import('./plan-editor.tsx'));

export default function NewRollout(): ReactNode {
  const firmware = useCall('listFirmware', { query: { limit: '500', sort: '-created_at' } });
  return (
    <Page title="New rollout" about="Nothing is offered to a board before you press Start.">
      <Answered query={firmware}>
        {({ items }) => {
          const usable = items.filter(({ blocked }) => !blocked);
          return usable.length === 0 ? <NoFirmware /> : <Wizard items={usable} />;
        }}
      </Answered>
    </Page>
  );
}

function NoFirmware(): ReactNode {
  return (
    <Card>
      <Empty
        title="There is no firmware to roll out"
        action={
          <Button component={Link} href="/firmware" mt="xs">
            Upload one
          </Button>
        }
      >
        A rollout takes one build to your boards. Upload it first.
      </Empty>
    </Card>
  );
}

/** What is chosen stands in the address, so that a link shows the same. */
function Wizard({ items }: { readonly items: readonly Firmware[] }): ReactNode {
  const [params, setParams] = useSearchParams();
  const [edited, setEdited] = useState<ListedPlan>();
  const set = (part: Readonly<Record<string, string>>): void =>
    setParams({ ...Object.fromEntries(params), ...part }, { replace: true });
  const [version, product, draft] = [params.get('version'), params.get('product'), params.get('draft')];
  const chosen = items.find((one) => one.version === version && (product === null || one.product === product));
  const plan = params.get('plan') ?? 'careful';
  const back = (): void => {
    const { draft: _, ...others } = Object.fromEntries(params);
    setParams(others, { replace: true });
  };
  if (draft !== null) return <Preview name={draft} onBack={back} key={draft} />;
  return (
    <Stack gap="lg">
      <Card title="1. Which firmware">
        <Select
          label="Firmware"
          placeholder="Choose a build"
          data={items.map((one) => ({
            value: `${one.product} ${one.version}`,
            label: `${one.product} ${one.version}${one.pilot_ready ? '' : ' (not ready)'}${one.stable ? ' (stable)' : ''}`,
          }))}
          value={chosen === undefined ? null : `${chosen.product} ${chosen.version}`}
          onChange={(value) => {
            const [nextProduct = '', nextVersion = ''] = (value ?? '').split(' ');
            set({ product: nextProduct, version: nextVersion });
          }}
          searchable
          maw={420}
        />
      </Card>
      {edited === undefined ? (
        <>
          <Card title="2. By which plan">
            <PlanChoice value={plan} onChange={(value) => set({ plan: value })} onEdit={setEdited} />
          </Card>
          <Create firmware={chosen} plan={plan} onCreated={(name) => set({ draft: name })} />
        </>
      ) : (
        <Suspense fallback={<Loading />}>
          <PlanEditor
            from={edited}
            onCancel={() => setEdited(undefined)}
            onSaved={(name) => {
              setEdited(undefined);
              set({ plan: name });
            }}
          />
        </Suspense>
      )}
    </Stack>
  );
}

interface CreateProps {
  readonly firmware: Firmware | undefined;
  readonly plan: string;
  readonly onCreated: (name: string) => void;
}

function Create({ firmware, plan, onCreated }: CreateProps): ReactNode {
  const [, go] = useLocation();
  const [label, setLabel] = useState('');
  const create = useAction('createRollout');
  const ready = useAction('setPilotReady');
  if (firmware === undefined)
    return (
      <Text c="dimmed" size="sm">
        Choose a firmware to go on.
      </Text>
    );
  const { product, version, pilot_ready: isReady } = firmware;
  const make = async (): Promise<void> => {
    if (!isReady) await ready.mutateAsync({ params: { version }, query: { product }, body: { ready: true } });
    const pilot = label.trim() === '' ? {} : { pilot_label: label.trim() };
    const { name } = await create.mutateAsync({ body: { version, product, plan, ...pilot } });
    onCreated(name);
  };
  const option = label.trim() === '' ? '' : ` --pilot ${label.trim()}`;
  return (
    <Card title="3. What would it do">
      <Stack gap="md">
        <TextInput
          label="Label of the pilot (optional)"
          description="Stages for the pilot take boards with this label; left out, the label pilot."
          value={label}
          onChange={({ currentTarget }) => setLabel(currentTarget.value)}
          maxLength={32}
          maw={420}
        />
        <Group gap="xs">
          <Button loading={create.isPending || ready.isPending} onClick={() => void make().catch(() => undefined)}>
            {isReady ? 'Show the preview' : 'Mark it ready and show the preview'}
          </Button>
          <Button variant="default" onClick={() => go('/rollouts')}>
            Cancel
          </Button>
        </Group>
        <div>
          <Text size="sm" c="dimmed" mb={6}>
            The same as a command
          </Text>
          <Command
            text={`otter rollout create --firmware ${version}${productOption(product)} --plan ${plan}${option}`}
          />
        </div>
      </Stack>
    </Card>
  );
}
