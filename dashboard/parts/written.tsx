// A note that somebody wrote, with who and when.

import type { ReactNode } from 'react';
import type { Note } from '#protocol/admin/shapes.ts';
import { actorText } from './text/audit-text.ts';
import { Ago } from './time.tsx';
import css from './parts.module.css';

export function Written({ note: { text, by, at } }: { readonly note: Note }): ReactNode {
  return (
    <>
      <span style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{text}</span>
      <span className={css['dim']} style={{ display: 'block', fontSize: 12, marginTop: 6 }}>
        {actorText(by)}, <Ago at={at} />
      </span>
    </>
  );
}
