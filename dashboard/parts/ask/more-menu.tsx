// The menu behind a `MoreButton`, open as soon as it is there.

import { Menu } from '@mantine/core';
import type { ReactNode } from 'react';
import { type MoreProps, MoreButton } from './more-button.tsx';

export default function MoreMenu({ items, ...button }: MoreProps): ReactNode {
  return (
    <Menu position="bottom-end" withinPortal defaultOpened>
      <Menu.Target>
        <MoreButton {...button} />
      </Menu.Target>
      <Menu.Dropdown>
        {items.map(({ text, isDanger, onPick }) => (
          <Menu.Item key={text} onClick={onPick} {...(isDanger === true ? { c: 'var(--mantine-color-error)' } : {})}>
            {text}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
