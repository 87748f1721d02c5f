// The plans that there are, each with its stages, so that the name is not all there is to choose by.

import { Button, Radio, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { sentence, useCall } from '#dashboard/data/queries.ts';
import { Answered } from '#dashboard/parts/answers.tsx';
import { whoText } from '#dashboard/parts/stages.tsx';
import { lengthText } from '#dashboard/parts/time.tsx';
import type { ListedPlan } from '#protocol/admin/rollouts.ts';
import css from './new-rollout.module.css';

interface PlanChoiceProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly onEdit: (plan: ListedPlan) => void;
}

export function PlanChoice({ value, onChange, onEdit }: PlanChoiceProps): ReactNode {
  const plans = useCall('getPlans', {});
  return (
    <Answered query={plans}>
      {({ items }) => {
        const chosen = items.find(({ name }) => name === value);
        return (
          <Stack gap="sm" align="flex-start">
            <Radio.Group value={value} onChange={onChange} aria-label="Plan" w="100%">
              <div className={css['plans']}>
                {items.map((plan) => (
                  <Radio.Card key={plan.name} value={plan.name} className={css['plan'] ?? ''}>
                    <Stack gap={8}>
                      <span className={css['planName']}>
                        <Radio.Indicator />
                        {plan.name}
                      </span>
                      {plan.description === '' ? null : (
                        <Text size="sm" c="dimmed">
                          {sentence(plan.description)}
                        </Text>
                      )}
                      <ol className={css['stages']}>
                        {plan.stages.map((stage) => (
                          <li key={stage.name}>
                            <b>{stage.name}</b> {whoText(stage)}
                            <span className={css['gate']}>{gateText(stage)}</span>
                          </li>
                        ))}
                      </ol>
                    </Stack>
                  </Radio.Card>
                ))}
              </div>
            </Radio.Group>
            {chosen === undefined ? null : (
              <Button variant="default" onClick={() => onEdit(chosen)}>
                Change the stages of {chosen.name}
              </Button>
            )}
          </Stack>
        );
      }}
    </Answered>
  );
}

function gateText({ gate, promotion }: ListedPlan['stages'][number]): string {
  const who = promotion === 'auto' ? 'by itself' : 'by you';
  if (gate === undefined) return `then ${who}`;
  const soak = gate.soak_s === undefined || gate.soak_s === 0 ? '' : ` for ${lengthText(gate.soak_s)}`;
  return `${gate.min_confirmed} healthy${soak}, then ${who}`;
}
