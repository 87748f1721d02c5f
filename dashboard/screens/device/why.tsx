// Why the board gets what it gets: the sentence first, then every rule in its order with the one that decided.

import { Button, Collapse, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconArrowDownCircle, IconArrowRight, IconArrowUpCircle, IconHandStop } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { sentence, useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { Note } from '#dashboard/parts/note.tsx';
import { rolloutHref } from '#dashboard/parts/text/links.ts';
import { Card } from '#dashboard/parts/page.tsx';
import { OUTCOME_STATES, StateBadge } from '#dashboard/parts/tone.tsx';
import { words } from '#dashboard/parts/words.ts';
import parts from '#dashboard/parts/parts.module.css';
import type { Explanation } from '#protocol/admin/devices.ts';
import css from './device.module.css';

export function Why({ named }: { readonly named: string }): ReactNode {
  const explanation = useCall('explainDevice', { params: { device: named } });
  return (
    <Card title="Why">
      <Answered query={explanation}>{(answer) => <Reason explanation={answer} />}</Answered>
    </Card>
  );
}

const OUTCOMES = {
  install: ['Gets', 'good', <IconArrowUpCircle key="up" size={18} />],
  rollback: ['Goes back to', 'warn', <IconArrowDownCircle key="down" size={18} />],
  hold: ['Nothing is offered', undefined, <IconHandStop key="hold" size={18} />],
} as const;

function Reason({ explanation }: { readonly explanation: Explanation }): ReactNode {
  const { outcome, version, text, to_change: toChange, board, rules } = explanation;
  const [title, tone, icon] = OUTCOMES[outcome];
  const decided = rules.findIndex(({ matched }) => matched === true);
  const [isOpen, { toggle }] = useDisclosure();
  return (
    <Stack gap="sm">
      <Note icon={icon} {...(tone === undefined ? {} : { tone })}>
        <b>
          {title}
          {outcome === 'hold' || version === null ? '' : ` ${version}`}.
        </b>{' '}
        {sentence(text)}
      </Note>
      {toChange === null ? null : (
        <Text size="sm">
          <b>To change that:</b> {sentence(toChange)}
        </Text>
      )}
      {board === null ? null : (
        <Text size="sm" component="div">
          Under {board.version} of{' '}
          <Link href={rolloutHref(board.rollout)} className={parts['link'] ?? ''}>
            {board.rollout}
          </Link>
          : <StateBadge tone={OUTCOME_STATES[board.outcome][1]}>{OUTCOME_STATES[board.outcome][0]}</StateBadge>{' '}
          <span className={css['dim']}>
            {sentence(board.text)}
            {board.not_counted === null ? '' : ` Not counted in its gates: ${words(board.not_counted)}.`}
          </span>
        </Text>
      )}
      <Collapse expanded={isOpen}>
        <ol className={css['rules']}>
          {rules.map(({ rule, matched, facts }, index) => (
            <li
              key={rule}
              className={css['rule']}
              data-state={index === decided ? 'decided' : matched === null ? 'unreached' : 'passed'}
              aria-current={index === decided ? 'true' : undefined}
            >
              <span className={css['mark']} aria-hidden>
                {index === decided ? <IconArrowRight size={15} /> : null}
              </span>
              <span>
                <b>{words(rule)}</b>
                {index === decided ? ' decided' : ''}
                <span className={css['ruleFacts']}>{matched === null ? 'not reached' : facts}</span>
              </span>
            </li>
          ))}
        </ol>
      </Collapse>
      <Button variant="subtle" size="compact-sm" onClick={toggle} aria-expanded={isOpen} style={{ alignSelf: 'start' }}>
        {isOpen ? 'Hide the rules' : `Show all ${rules.length} rules and what each saw`}
      </Button>
    </Stack>
  );
}
