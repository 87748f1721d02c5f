// Until when a hold holds, and whether it keeps a board also on a bad build.

import { Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';

export interface HoldEndValue {
  /** Undefined: until somebody ends it. */
  readonly until: string | undefined;
  readonly isFixed: boolean;
  /** The day and time is still to be said. */
  readonly isUnfinished: boolean;
}

export const HOLD_WITHOUT_END: HoldEndValue = { until: undefined, isFixed: false, isUnfinished: false };

const HOUR_MS = 3_600_000;
const ENDS = [
  { value: 'never', label: 'somebody ends it' },
  { value: '1', label: 'in 1 hour' },
  { value: '12', label: 'in 12 hours' },
  { value: '24', label: 'in 1 day' },
  { value: '168', label: 'in 1 week' },
  { value: 'other', label: 'a day and time …' },
] as const;

interface HoldEndProps {
  readonly value: HoldEndValue;
  readonly onChange: (value: HoldEndValue) => void;
}

export function HoldEnd({ value, onChange }: HoldEndProps): ReactNode {
  const [end, setEnd] = useState<string>('never');
  const [at, setAt] = useState('');
  const say = (nextEnd: string, nextAt: string): void => {
    setEnd(nextEnd);
    setAt(nextAt);
    const until = untilOf(nextEnd, nextAt);
    onChange({ ...value, until, isUnfinished: nextEnd === 'other' && until === undefined });
  };
  return (
    <>
      <NativeSelect
        label="Until"
        data={[...ENDS]}
        value={end}
        onChange={({ currentTarget }) => say(currentTarget.value, at)}
      />
      {end === 'other' ? (
        <TextInput
          type="datetime-local"
          label="Day and time"
          description={`In the zone of this computer, ${Intl.DateTimeFormat().resolvedOptions().timeZone}`}
          value={at}
          onChange={({ currentTarget }) => say(end, currentTarget.value)}
        />
      ) : null}
      <Checkbox
        label="Also on a build that is blocked or reverted"
        description="Without it, a board may still leave a bad build."
        checked={value.isFixed}
        onChange={({ currentTarget }) => onChange({ ...value, isFixed: currentTarget.checked })}
      />
    </>
  );
}

function untilOf(end: string, at: string): string | undefined {
  if (end === 'never') return undefined;
  const atMs = end === 'other' ? Date.parse(at) : Date.now() + Number(end) * HOUR_MS;
  return Number.isNaN(atMs) ? undefined : new Date(atMs).toISOString();
}
