// How the board fared hour by hour: free heap, signal, restarts and crashes, and how often it asked, with its updates marked. An hour
// without a check has no bar: that is where it was away.

import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import type { Assignment } from '#protocol/admin/devices.ts';
import type { Telemetry } from '#protocol/admin/health.ts';
import { Chart } from './chart.tsx';
import css from './device.module.css';

type Hour = Telemetry['hours'][number];

interface HealthProps {
  readonly named: string;
  readonly assignments: readonly Assignment[];
}

export default function Health({ named, assignments }: HealthProps): ReactNode {
  const telemetry = useCall('getTelemetry', { params: { device: named } });
  const marks = assignments
    .filter(({ state }) => state === 'confirmed' || state === 'rolled_back')
    .map(({ updated_at }) => Date.parse(updated_at) / 1000);
  return (
    <Card title="Health">
      <Answered query={telemetry}>
        {({ hours }) => (hours.length === 0 ? <Nothing /> : <Charts hours={hours} marks={marks} />)}
      </Answered>
    </Card>
  );
}

function Nothing(): ReactNode {
  return (
    <Text size="sm" c="dimmed">
      The board has told nothing of itself yet. Free heap, signal and restarts appear here, hour by hour, when it sends
      them with its check-in.
    </Text>
  );
}

function Charts({ hours, marks }: { readonly hours: readonly Hour[]; readonly marks: readonly number[] }): ReactNode {
  const times = hours.map(({ hour }) => Date.parse(hour) / 1000);
  const of = (pick: (hour: Hour) => number | null) => hours.map(pick);
  const kib = (value: number | null): number | null => (value === null ? null : value / 1024);
  return (
    <div className={css['charts']}>
      <Chart
        title="Free heap"
        unit="KiB"
        times={times}
        marks={marks}
        values={of(({ heap_bytes }) => kib(heap_bytes))}
      />
      <Chart title="Signal" unit="dBm" times={times} marks={marks} values={of(({ rssi_dbm }) => rssi_dbm)} />
      <Chart
        title="Restarts, crashes in red"
        unit="an hour"
        times={times}
        marks={marks}
        isCount
        values={of(({ restarts }) => restarts)}
        bad={of(({ crashes }) => crashes)}
      />
      <Chart title="Checks" unit="an hour" times={times} marks={marks} isCount values={of(({ checks }) => checks)} />
    </div>
  );
}
