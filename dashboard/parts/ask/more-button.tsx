// The button behind which rarer commands are.

import { Button, type ButtonProps } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';
import type { ComponentProps, ReactNode } from 'react';

export interface MoreItem {
  readonly text: string;
  readonly isDanger?: boolean;
  readonly onPick: () => void;
}

export interface MoreProps {
  readonly items: readonly MoreItem[];
  readonly name: string;
  readonly size: 'xs' | 'sm';
}

type MoreButtonProps = Pick<MoreProps, 'name' | 'size'> & Omit<ButtonProps & ComponentProps<'button'>, 'size'>;

export function MoreButton({ name, size, ...props }: MoreButtonProps): ReactNode {
  return (
    <Button {...props} size={size} variant="default" px={8} aria-label={name} aria-haspopup="menu">
      <IconDots size={16} />
    </Button>
  );
}
