// States as a word with a colour: the colour alone never says anything.

import type { ReactNode } from 'react';
import type { ASSIGNMENT_STATES, DEVICE_STATUSES, OUTCOMES, ROLLOUT_STATUSES } from '#protocol/admin/states.ts';
import css from './parts.module.css';

export type Tone = 'good' | 'moving' | 'warn' | 'bad' | 'idle';

export const TONE_COLORS: Readonly<Record<Tone, string>> = {
  good: 'var(--otter-good)',
  moving: 'var(--otter-moving)',
  warn: 'var(--otter-warn)',
  bad: 'var(--otter-bad)',
  idle: 'var(--mantine-color-gray-5)',
};

export function Dot({ tone, pulse = false }: { readonly tone: Tone; readonly pulse?: boolean }): ReactNode {
  return (
    <span
      className={pulse ? `${css['dot']} ${css['pulse']}` : css['dot']}
      ref={(node) => node?.style.setProperty('--dot-color', TONE_COLORS[tone])}
    />
  );
}

interface StateProps {
  readonly tone: Tone;
  readonly children: ReactNode;
  readonly pulse?: boolean;
}

/** A word with a dot before it. */
export function StateText({ tone, children, pulse = false }: StateProps): ReactNode {
  return (
    <span style={{ display: 'inline-flex', alignItems: 'center', gap: 8, whiteSpace: 'nowrap' }}>
      <Dot tone={tone} pulse={pulse} />
      {children}
    </span>
  );
}

/** The same as a pill, coloured where it asks for attention. */
export function StateBadge({ tone, children, pulse = false }: StateProps): ReactNode {
  return (
    <span className={css['badge']} data-tone={tone}>
      <Dot tone={tone} pulse={pulse} />
      {children}
    </span>
  );
}

type Texts<Name extends string> = Readonly<Record<Name, readonly [text: string, tone: Tone]>>;

export const DEVICE_STATES: Texts<(typeof DEVICE_STATUSES)[number]> = {
  ok: ['OK', 'good'],
  updating: ['Updating', 'moving'],
  trial: ['On trial', 'moving'],
  failed: ['Failed', 'bad'],
  silent: ['Silent', 'idle'],
};

export const ROLLOUT_STATES: Texts<(typeof ROLLOUT_STATUSES)[number]> = {
  draft: ['Draft', 'idle'],
  running: ['Running', 'good'],
  paused: ['Paused', 'warn'],
  halted: ['Halted', 'bad'],
  complete: ['Complete', 'good'],
  regressed: ['Regressed', 'bad'],
  aborted: ['Aborted', 'idle'],
};

export const OUTCOME_STATES: Texts<(typeof OUTCOMES)[number]> = {
  healthy: ['Healthy', 'good'],
  soaking: ['Soaking', 'moving'],
  on_trial: ['On trial', 'moving'],
  updating: ['Updating', 'moving'],
  waiting: ['Waiting', 'idle'],
  not_now: ['Not now', 'idle'],
  other: ['Moved on', 'idle'],
  failed: ['Failed', 'bad'],
  crashing: ['Crashing', 'bad'],
  lost: ['Lost', 'bad'],
};

export const ASSIGNMENT_TEXTS: Texts<(typeof ASSIGNMENT_STATES)[number]> = {
  offered: ['Offered', 'moving'],
  downloading: ['Downloading', 'moving'],
  downloaded: ['Downloaded', 'moving'],
  installing: ['Installing', 'moving'],
  trial: ['On trial', 'moving'],
  confirmed: ['Confirmed', 'good'],
  timed_out: ['Timed out', 'warn'],
  superseded: ['Superseded', 'idle'],
  rejected: ['Rejected', 'bad'],
  failed: ['Failed', 'bad'],
  rolled_back: ['Rolled back', 'bad'],
};
