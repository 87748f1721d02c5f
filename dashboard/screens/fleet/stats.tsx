// Four numbers, each a way to the boards that it counts.

import { SimpleGrid } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { devicesHref } from '#dashboard/parts/text/links.ts';
import { Dot, type Tone } from '#dashboard/parts/tone.tsx';
import { count, percent } from '#dashboard/parts/words.ts';
import type { ServerStatus } from '#protocol/admin/status.ts';
import parts from '#dashboard/parts/parts.module.css';
import css from './fleet.module.css';

export function Stats({ status: { devices } }: { readonly status: ServerStatus }): ReactNode {
  const { total, updating, failed, silent } = devices;
  return (
    <SimpleGrid cols={{ base: 2, md: 4 }} spacing="md">
      <Stat name="Boards" value={total} tone="good" href="/devices" about={othersText(devices)} />
      <Stat
        name="Updating"
        value={updating}
        tone={updating > 0 ? 'moving' : 'idle'}
        href={devicesHref(['status', 'updating'])}
        about={`${percent(updating, total)} of the fleet`}
      />
      <Stat
        name="Failed"
        value={failed}
        tone={failed > 0 ? 'bad' : 'idle'}
        href={devicesHref(['status', 'failed'])}
        about={`${percent(failed, total)} of the fleet`}
      />
      <Stat
        name="Silent"
        value={silent}
        tone={silent > 0 ? 'warn' : 'idle'}
        href={devicesHref(['status', 'silent'])}
        about="missed three checks"
      />
    </SimpleGrid>
  );
}

function othersText({ held, test }: ServerStatus['devices']): string {
  const others = [
    ...(held > 0 ? [`${count(held)} held`] : []),
    ...(test > 0 ? [`${count(test)} for tests besides`] : []),
  ];
  return others.length === 0 ? 'all that ever checked in' : others.join(', ');
}

interface StatProps {
  readonly name: string;
  readonly value: number;
  readonly tone: Tone;
  readonly href: string;
  readonly about: string;
}

function Stat({ name, value, tone, href, about }: StatProps): ReactNode {
  return (
    <div className={parts['card']}>
      <Link href={href} className={css['stat'] ?? ''}>
        <div className={css['statName']}>
          <Dot tone={tone} />
          {name}
        </div>
        <div className={css['statValue']}>{count(value)}</div>
        <div className={css['statName']}>{about}</div>
      </Link>
    </div>
  );
}
