// How many boards of a product ran which version over a day or two weeks, up to now, and what its rollouts did meanwhile.

import { Group, NativeSelect, SegmentedControl, Stack, Text, VisuallyHidden } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import { useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import { rolloutHref } from '#dashboard/parts/text/links.ts';
import { exactText } from '#dashboard/parts/time.tsx';
import { StateText } from '#dashboard/parts/tone.tsx';
import { count } from '#dashboard/parts/words.ts';
import parts from '#dashboard/parts/parts.module.css';
import type { ProductHistory } from '#protocol/admin/fleet/history.ts';
import type { ServerStatus } from '#protocol/admin/status.ts';
import { type Layers, layersOf, type Present } from './layers.ts';
import { StackedChart } from './stacked-chart.tsx';
import css from './history.module.css';

const DAY_HOURS = '24';
const ALL_HOURS = '336';
/** What is counted changes once an hour; what is now comes with the status. */
const REFRESH_MS = 60_000;
const MOST_TURNS = 4;

interface VersionHistoryProps {
  readonly versions: ServerStatus['versions'];
  /** When that was so. */
  readonly atMs: number;
}

export default function VersionHistory({ versions, atMs }: VersionHistoryProps): ReactNode {
  const [params, setParams] = useSearchParams();
  const products = bySize(versions);
  const product = products.find((name) => name === params.get('history')) ?? products[0] ?? '';
  const hours = params.get('hours') === ALL_HOURS ? ALL_HOURS : DAY_HOURS;
  const choose = (change: Readonly<Record<string, string>>): void =>
    setParams((before) => ({ ...Object.fromEntries(before), ...change }), { replace: true });
  const history = useCall(
    'getProductHistory',
    { params: { name: product }, query: { hours } },
    { everyMs: REFRESH_MS, keep: true },
  );
  const present = { atMs, versions: versions.filter((row) => row.product === product) };
  return (
    <Card
      title="Versions over time"
      aside={
        <Group gap="xs">
          {products.length > 1 ? (
            <NativeSelect
              aria-label="Product"
              size="xs"
              data={products}
              value={product}
              onChange={({ currentTarget }) => choose({ history: currentTarget.value })}
            />
          ) : null}
          <SegmentedControl
            aria-label="Time"
            size="xs"
            data={[
              { value: DAY_HOURS, label: '24 hours' },
              { value: ALL_HOURS, label: '14 days' },
            ]}
            value={hours}
            onChange={(value) => choose({ hours: value })}
          />
        </Group>
      }
    >
      <Answered query={history}>
        {(answer) =>
          answer.hours.length === 0 ? <Nothing history={answer} /> : <Shown history={answer} present={present} />
        }
      </Answered>
    </Card>
  );
}

function Nothing({ history: { next_at } }: { readonly history: ProductHistory }): ReactNode {
  return (
    <Text size="sm" c="dimmed">
      Boards are counted once an hour. The first line appears here soon after {exactText(next_at)}.
    </Text>
  );
}

interface ShownProps {
  readonly history: ProductHistory;
  readonly present: Present;
}

function Shown({ history, present }: ShownProps): ReactNode {
  const [point, setPoint] = useState<number>();
  const data = layersOf(history, present);
  const last = data.times.length - 1;
  const index = point === undefined || point > last ? last : point;
  const firstS = data.times[0] ?? 0;
  const fromS = Math.max(Date.parse(history.from) / 1000, firstS);
  const turns = history.turns.map(({ at, turn }) => ({ atS: Date.parse(at) / 1000, isBad: turn !== 'started' }));
  return (
    <Stack gap="sm">
      <div className={css['legend']}>
        <Text size="sm" c="dimmed" className={css['when'] ?? ''}>
          {index === last ? 'Now' : momentText(data.times[index] ?? 0)}
        </Text>
        {data.layers.map(({ name, color, devices }) => (
          <span key={name} className={css['layer']}>
            <span className={css['swatch']} style={{ background: `var(${color})` }} aria-hidden />
            {name} <b>{devices[index] === null ? 'not counted' : count(devices[index] ?? 0)}</b>
          </span>
        ))}
      </div>
      <StackedChart
        data={data}
        fromS={fromS}
        turns={turns}
        label={`Boards of ${history.product} by version since ${momentText(fromS)}; the table after this has the numbers`}
        onPoint={setPoint}
      />
      <Numbers product={history.product} data={data} />
      <Turns turns={history.turns} />
    </Stack>
  );
}

/** For those who do not see the chart: every hour of a day, or every day of two weeks. */
function Numbers({ product, data }: { readonly product: string; readonly data: Layers }): ReactNode {
  const { times, layers } = data;
  const step = times.length > 2 * Number(DAY_HOURS) ? Number(DAY_HOURS) : 1;
  const rows = times.flatMap((atS, index) =>
    (times.length - 1 - index) % step === 0 && layers[0]?.devices[index] !== null ? [{ atS, index }] : [],
  );
  return (
    <VisuallyHidden>
      <table>
        <caption>Boards of {product} by version</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {layers.map(({ name }) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ atS, index }) => (
            <tr key={atS}>
              <th scope="row">{momentText(atS)}</th>
              {layers.map(({ name, devices }) => (
                <td key={name}>{devices[index]}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </VisuallyHidden>
  );
}

/** The latest of the lines in the chart, in words. */
function Turns({ turns }: { readonly turns: ProductHistory['turns'] }): ReactNode {
  if (turns.length === 0) return null;
  return (
    <ul className={css['turns']}>
      {turns
        .toReversed()
        .slice(0, MOST_TURNS)
        .map(({ at, turn, rollout, version }) => (
          <li key={`${at} ${turn} ${rollout}`}>
            <StateText tone={turn === 'started' ? 'moving' : 'bad'}>{momentText(Date.parse(at) / 1000)}</StateText>
            <span>
              <Link href={rolloutHref(rollout)} className={parts['link'] ?? ''}>
                {rollout}
              </Link>{' '}
              {turn === 'reverted' ? 'was reverted' : turn}
              {rollout.includes(version) ? '' : ` (${version})`}
            </span>
          </li>
        ))}
    </ul>
  );
}

/** The largest first. */
function bySize(versions: ServerStatus['versions']): string[] {
  const sums = new Map<string, number>();
  for (const { product, devices } of versions) sums.set(product, (sums.get(product) ?? 0) + devices);
  return [...sums].toSorted(([, left], [, right]) => right - left).map(([product]) => product);
}

const moment = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

function momentText(atS: number): string {
  return moment.format(new Date(atS * 1000));
}
