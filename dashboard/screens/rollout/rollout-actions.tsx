// The commands of a rollout: those that its state allows, the one that fits best in front. Each asks first, with what it touches.

import { Button, Menu } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { type Command, commandsOf } from './commands.ts';
import { CommandDialog } from './command-dialog.tsx';

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
      {others.length === 0 ? null : (
        <Menu position="bottom-end" withinPortal>
          <Menu.Target>
            <Button size={size} variant="default" px={8} aria-label="More commands">
              <IconDots size={16} />
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {others.map((command) => (
              <Menu.Item
                key={command.kind}
                onClick={() => setAsked(command)}
                {...(command.isDanger ? { c: 'var(--mantine-color-error)' } : {})}
              >
                {command.text}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      )}
      {asked === undefined ? null : (
        <CommandDialog rollout={rollout} command={asked} onClose={() => setAsked(undefined)} />
      )}
    </>
  );
}
