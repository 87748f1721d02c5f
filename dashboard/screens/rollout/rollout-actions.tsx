// The commands of a rollout: those that its state allows, the one that fits best in front. Each asks first, with what it touches.

import { Button } from '@mantine/core';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { More } from '#dashboard/parts/ask/more.tsx';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { type Command, commandsOf } from './commands.ts';

// Loaded when somebody asks for it: Fleet shows these buttons, and is loaded first.
const CommandDialog = lazy(async () => import('./command-dialog.tsx'));

interface RolloutActionsProps {
  readonly rollout: Rollout;
  readonly small?: boolean;
}

export function RolloutActions({ rollout, small = false }: RolloutActionsProps): ReactNode {
  const [asked, setAsked] = useState<Command>();
  const size = small ? 'xs' : 'sm';
  const [first, second, ...others] = commandsOf(rollout);
  return (
    <>
      {[first, second].map((command, index) =>
        command === undefined ? null : (
          <Button
            key={command.kind}
            size={size}
            variant={index === 0 && command.isMain ? 'filled' : 'default'}
            color={command.isDanger && command.isMain ? 'red.9' : 'otter'}
            onClick={() => setAsked(command)}
          >
            {command.text}
          </Button>
        ),
      )}
      <More
        name="More commands"
        size={size}
        items={others.map((command) => ({
          text: command.text,
          isDanger: command.isDanger === true,
          onPick: () => setAsked(command),
        }))}
      />
      {asked === undefined ? null : (
        <Suspense>
          <CommandDialog rollout={rollout} command={asked} onClose={() => setAsked(undefined)} />
        </Suspense>
      )}
    </>
  );
}
