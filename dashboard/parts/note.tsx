// A sentence that stands out, in the tone that it has.

import { IconAlertTriangle, IconInfoCircle } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import css from './parts.module.css';

interface NoteProps {
  readonly tone?: 'good' | 'warn' | 'bad';
  readonly icon?: ReactNode;
  readonly children: ReactNode;
}

export function Note({ tone, icon, children }: NoteProps): ReactNode {
  const usual = tone === 'bad' || tone === 'warn' ? <IconAlertTriangle size={18} /> : <IconInfoCircle size={18} />;
  return (
    <div className={css['verdict']} data-tone={tone}>
      {icon ?? usual}
      <div style={{ minWidth: 0, flex: 1 }}>{children}</div>
    </div>
  );
}
