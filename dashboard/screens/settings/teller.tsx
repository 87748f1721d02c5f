// One who is told: what of, and whether that works.

import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { sentence } from '#dashboard/data/queries.ts';
import { Ago } from '#dashboard/parts/time.tsx';
import { StateBadge } from '#dashboard/parts/tone.tsx';
import css from './settings.module.css';

interface TellerProps {
  readonly teller: {
    readonly name: string;
    readonly host: string;
    readonly failures: number;
    readonly failing_since: string | null;
    readonly last_error: string | null;
  };
  readonly kind: string;
  /** Null: everything. */
  readonly types: readonly string[] | null;
  readonly nextTryAt?: string | null;
  readonly result?: readonly [tone: 'good' | 'bad', text: string] | undefined;
  readonly button?: ReactNode;
}

export function Teller({ teller, kind, types, nextTryAt = null, result, button }: TellerProps): ReactNode {
  const { name, host, failures, failing_since: since, last_error: error } = teller;
  return (
    <div className={css['row']}>
      <div style={{ minWidth: 0 }}>
        <b>{name}</b>{' '}
        {failures === 0 ? <StateBadge tone="good">Works</StateBadge> : <StateBadge tone="bad">Fails</StateBadge>}
        <Text size="sm" c="dimmed">
          {kind} at {host}; told of {types === null ? 'everything' : types.join(', ')}
        </Text>
        {failures === 0 ? null : (
          <Text size="sm" c="var(--otter-bad-text)" component="div">
            {failures} times in a row{since === null ? '' : ', since '}
            {since === null ? null : <Ago at={since} />}: {sentence(error ?? 'no answer')}
            {nextTryAt === null ? null : (
              <>
                {' '}
                Tried again <Ago at={nextTryAt} />.
              </>
            )}
          </Text>
        )}
        {result === undefined ? null : (
          <Text size="sm" c={result[0] === 'good' ? 'var(--otter-good-text)' : 'var(--otter-bad-text)'} role="status">
            {result[1]}
          </Text>
        )}
      </div>
      {button}
    </div>
  );
}
