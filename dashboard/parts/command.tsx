// A command or a text to copy: whatever is done here can be done on the command line. A command is shown as it is typed where the server
// lies: `npx otter` in a clone, `otter` where it is installed.

import { ActionIcon, CopyButton } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { nameOf } from './words.ts';
import css from './parts.module.css';

/** Said by the server in the page. */
const OTTER = document.querySelector<HTMLMetaElement>('meta[name="otter-command"]')?.content ?? 'otter';

interface CommandProps {
  /** A command begins with `otter`. */
  readonly text: string;
  readonly block?: boolean;
}

export function Command({ text: said, block = false }: CommandProps): ReactNode {
  const text = asTyped(said);
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

/** `otter rollout show 1.1.0` as it is typed there. */
function asTyped(command: string): string {
  return command.replace(/^otter\b/, OTTER);
}
