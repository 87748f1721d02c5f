// What needs a person, the most urgent first: what happened, the place where to act, and the commands that fit.

import { Button, Collapse, Stack, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import {
  IconAlertTriangleFilled,
  IconChevronDown,
  IconChevronRight,
  IconCircleCheckFilled,
  IconInfoCircleFilled,
} from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { sentence } from '#dashboard/data/queries.ts';
import { Command } from '#dashboard/parts/command.tsx';
import { rolloutHref } from '#dashboard/parts/text/links.ts';
import { Note } from '#dashboard/parts/note.tsx';
import { Card } from '#dashboard/parts/page.tsx';
import type { Call } from '#protocol/admin/status.ts';
import css from './fleet.module.css';

const URGENT: ReadonlySet<Call['kind']> = new Set([
  'halted',
  'regressed',
  'crashing',
  'failed',
  'lost',
  'damaged_image',
]);

export function Calls({ calls }: { readonly calls: readonly Call[] }): ReactNode {
  if (calls.length === 0)
    return (
      <Note tone="good" icon={<IconCircleCheckFilled size={18} />}>
        <b>Nothing needs you.</b> No rollout has stopped, no board asks for help.
      </Note>
    );
  return (
    <Card title="Needs you" flush>
      {calls.map((call) => (
        <CallRow key={`${call.kind} ${call.text}`} call={call} />
      ))}
    </Card>
  );
}

function CallRow({ call }: { readonly call: Call }): ReactNode {
  const { kind, text, commands } = call;
  const [isOpen, { toggle }] = useDisclosure();
  const isUrgent = URGENT.has(kind);
  return (
    <div className={css['call']}>
      {isUrgent ? (
        <IconAlertTriangleFilled size={18} color="var(--otter-bad)" aria-label="Urgent" />
      ) : (
        <IconInfoCircleFilled size={18} color="var(--otter-warn)" aria-label="To look at" />
      )}
      <div className={css['callText']}>{sentence(text)}</div>
      <div className={css['callButton']}>
        <CallButton call={call} />
      </div>
      {commands.length === 0 ? null : (
        <div className={css['callMore']}>
          <UnstyledButton onClick={toggle} aria-expanded={isOpen} c="dimmed" fz={13}>
            <span style={{ display: 'inline-flex', alignItems: 'center', gap: 4 }}>
              {isOpen ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
              {commands.length === 1 ? 'As a command' : `As ${commands.length} commands to choose from`}
            </span>
          </UnstyledButton>
          <Collapse expanded={isOpen}>
            <Stack gap={6} mt={8}>
              {commands.map((command) => (
                <Command key={command} text={command} />
              ))}
            </Stack>
          </Collapse>
        </div>
      )}
    </div>
  );
}

/** To the page that has the buttons. */
function CallButton({ call: { kind, rollout } }: { readonly call: Call }): ReactNode {
  const [text, href] = placeOf(kind, rollout);
  return (
    <Button component={Link} href={href} variant="default" size="xs">
      {text}
    </Button>
  );
}

function placeOf(kind: Call['kind'], rollout: string | null): readonly [text: string, href: string] {
  if (kind === 'board_problems') return ['See the boards', '/server'];
  if (kind === 'new_boards') return ['See the boards', '/devices?sort=-first_seen_at'];
  if (kind === 'damaged_image') return ['Upload it again', '/firmware'];
  if (kind === 'claimed_twice' || kind === 'enrolments') return ['See who asks', '/server'];
  if (kind === 'certificate') return ['See the server', '/server'];
  if (kind === 'reports_differ') return ['See what happened', '/activity'];
  if (kind === 'backup_due') return ['See the server', '/server'];
  if (kind === 'restored') return ['See firmware', '/firmware'];
  if (kind === 'schedule') return ['See schedules', '/schedules'];
  return rollout === null ? ['See rollouts', '/rollouts'] : ['Decide', rolloutHref(rollout)];
}
