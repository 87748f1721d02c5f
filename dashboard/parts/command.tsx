// A command or a text to copy: whatever is done here can be done on the command line.

import { ActionIcon, CopyButton } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { nameOf } from './words.ts';
import css from './parts.module.css';

export function Command({ text, block = false }: { readonly text: string; readonly block?: boolean }): ReactNode {
  return (
    <div className={block ? `${css['command']} ${css['block']}` : css['command']}>
      <code>{text}</code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <ActionIcon variant="subtle" color="gray" onClick={copy} {...nameOf(copied ? 'Copied' : 'Copy')}>
            {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
          </ActionIcon>
        )}
      </CopyButton>
    </div>
  );
}
