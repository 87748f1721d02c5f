// What was tried on the board, the latest first, each attempt with its end and its cause.

import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { rolloutHref } from '#dashboard/parts/text/links.ts';
import { Card, Remark } from '#dashboard/parts/page.tsx';
import { Ago, exactText } from '#dashboard/parts/time.tsx';
import { ASSIGNMENT_TEXTS, Dot, OUTCOME_STATES } from '#dashboard/parts/tone.tsx';
import { words } from '#dashboard/parts/words.ts';
import parts from '#dashboard/parts/parts.module.css';
import type { Assignment } from '#protocol/admin/devices.ts';
import css from './device.module.css';

export function History({ assignments }: { readonly assignments: readonly Assignment[] }): ReactNode {
  return (
    <Card title="Updates" flush>
      {assignments.length === 0 ? (
        <Remark>Nothing was offered to it from here yet.</Remark>
      ) : (
        assignments.map((assignment) => <Attempt key={assignment.id} assignment={assignment} />)
      )}
    </Card>
  );
}

function Attempt({ assignment }: { readonly assignment: Assignment }): ReactNode {
  const { version, rollout, stage, rollback, state, attempt, error_code: code, detail, outcome } = assignment;
  const [text, tone] = ASSIGNMENT_TEXTS[state];
  const became = outcome === null || outcome === 'waiting' ? undefined : OUTCOME_STATES[outcome];
  return (
    <div className={css['attempt']}>
      <span className={css['attemptDot']}>
        <Dot tone={became?.[1] ?? tone} />
      </span>
      <div style={{ minWidth: 0 }}>
        <div>
          <b>
            {rollback ? 'Back to ' : ''}
            {version}
          </b>{' '}
          {text.toLowerCase()}
          {became === undefined ? '' : `, ${became[0].toLowerCase()}`}
          {attempt > 1 ? <span className={css['dim']}>, attempt {attempt}</span> : null}
        </div>
        {code === null ? null : (
          <Text size="sm" c="var(--mantine-color-error)" style={{ overflowWrap: 'anywhere' }}>
            {words(code)}
            {detail === null ? '' : `: ${detail}`}
          </Text>
        )}
        <Text size="xs" c="dimmed" component="div">
          <Link href={rolloutHref(rollout)} className={parts['quiet'] ?? ''}>
            {rollout}
          </Link>
          , stage {stage}, offered {exactText(assignment.offered_at)}
        </Text>
      </div>
      <span className={parts['dim']}>
        <Ago at={assignment.updated_at} />
      </span>
    </div>
  );
}
