// What a block or a way back does to the boards that run a build: how many go where, who stays and why.

import { Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import { sentence } from '#dashboard/data/queries.ts';
import type { BlockAnswer, WayBack } from '#protocol/admin/firmware.ts';
import { Note } from './note.tsx';
import { boards } from './words.ts';

type Shown = Pick<WayBack | BlockAnswer, 'devices_running' | 'goes_to' | 'stays'>;

export function WayBackView({ wayBack }: { readonly wayBack: Shown }): ReactNode {
  const { devices_running: running, goes_to: goesTo, stays } = wayBack;
  if (running === 0) return <Note>No board runs this build, so none has to go back.</Note>;
  return (
    <Stack gap="xs">
      {goesTo.map(({ version, devices }) => (
        <Note key={version} tone="good">
          <b>{boards(devices)}</b> {devices === 1 ? 'goes' : 'go'} back to <b>{version}</b>.
        </Note>
      ))}
      {stays.map(({ reason, text, devices, examples }) => (
        <Note key={reason} tone="warn">
          <b>{boards(devices)}</b> {devices === 1 ? 'stays' : 'stay'} on it: {sentence(text)}
          {examples[0] === undefined ? null : ` For example ${examples[0]}.`}
        </Note>
      ))}
    </Stack>
  );
}
