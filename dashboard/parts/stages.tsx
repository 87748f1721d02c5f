// The stages of a rollout as one strip: what is done, what is open, what is to come, and what became of the boards of each.

import {
  IconCircle,
  IconCircleCheckFilled,
  IconCircleDot,
  IconCircleXFilled,
  IconPlayerPause,
} from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { assertNever } from '#protocol/errors.ts';
import type { Rollout, RolloutSummary } from '#protocol/admin/rollouts.ts';
import { GENERAL_LABEL } from './words.ts';
import { Bar, type Share } from './bar.tsx';
import css from './parts.module.css';

type Stage = Rollout['stages'][number] | RolloutSummary['stages'][number];
type Outcomes = Stage['outcomes'];

type StageState = 'done' | 'open' | 'held' | 'failed' | 'next';

export function StageStrip({
  rollout,
  short = false,
}: {
  readonly rollout: Rollout | RolloutSummary;
  /** Bars and names alone. */
  readonly short?: boolean;
}): ReactNode {
  return (
    <ol className={css['strip']} aria-label="Stages">
      {rollout.stages.map((stage) => {
        const state = stateOf(stage, rollout);
        return (
          <li key={stage.stage} className={css['stage']} data-state={state}>
            <div className={css['stageName']}>
              <StageIcon state={state} />
              {stage.stage}
            </div>
            <Bar shares={sharesOf(stage.outcomes)} total={totalOf(stage.outcomes)} label={countsText(stage)} />
            {short ? null : (
              <div className={css['stageLine']}>
                {whoText(stage)}
                <br />
                {stage.opened_at === null ? 'not open yet' : countsText(stage)}
              </div>
            )}
          </li>
        );
      })}
    </ol>
  );
}

/** `5 % of lab`, `all boards`. */
export function whoText({ label, percentage }: { readonly label: string; readonly percentage: number }): string {
  const whose = label === GENERAL_LABEL ? 'all boards' : `label ${label}`;
  return percentage === 100 ? whose : `${percentage} % of ${whose}`;
}

/** Healthy, moving, bad, in the order of the bar. */
function sharesOf(outcomes: Outcomes): readonly Share[] {
  const { healthy, soaking, on_trial, updating, failed, crashing, lost } = outcomes;
  return [
    { tone: 'good', count: healthy },
    { tone: 'moving', count: soaking + on_trial + updating },
    { tone: 'bad', count: failed + crashing + lost },
  ];
}

/** What the boards of a stage add up to. */
function totalOf(outcomes: Outcomes): number {
  return ('targeted' in outcomes ? outcomes.targeted : outcomes.offered) ?? 0;
}

function countsText({ outcomes }: Stage): string {
  const total = totalOf(outcomes);
  const bad = outcomes.failed + outcomes.crashing + outcomes.lost;
  const moving = outcomes.soaking + outcomes.on_trial + outcomes.updating;
  return [
    `${outcomes.healthy} of ${total} healthy`,
    moving === 0 ? '' : `${moving} under way`,
    bad === 0 ? '' : `${bad} bad`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function stateOf(stage: Stage, { stage: open, status }: Rollout | RolloutSummary): StageState {
  if (stage.opened_at === null) return 'next';
  if (stage.stage !== open || status === 'complete') return 'done';
  if (status === 'halted' || status === 'regressed') return 'failed';
  return status === 'running' ? 'open' : 'held';
}

function StageIcon({ state }: { readonly state: StageState }): ReactNode {
  const props = { size: 16, 'aria-hidden': true } as const;
  switch (state) {
    case 'done':
      return <IconCircleCheckFilled {...props} color="var(--otter-good)" />;
    case 'open':
      return <IconCircleDot {...props} color="var(--otter-good)" />;
    case 'held':
      return <IconPlayerPause {...props} color="var(--otter-warn)" />;
    case 'failed':
      return <IconCircleXFilled {...props} color="var(--otter-bad)" />;
    case 'next':
      return <IconCircle {...props} color="var(--mantine-color-gray-5)" />;
    default:
      return assertNever(state);
  }
}
