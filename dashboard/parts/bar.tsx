// A bar of shares. What it shows is also said in words beside it.

import type { ReactNode } from 'react';
import { TONE_COLORS, type Tone } from './tone.tsx';
import css from './parts.module.css';

export interface Share {
  readonly tone: Tone | { readonly color: string };
  readonly count: number;
}

interface BarProps {
  readonly shares: readonly Share[];
  /** What the shares are of; what is left is empty. */
  readonly total: number;
  readonly label: string;
  readonly tall?: boolean;
}

export function Bar({ shares, total, label, tall = false }: BarProps): ReactNode {
  const shown = shares.filter(({ count }) => count > 0);
  const rest = total - shown.reduce((sum, { count }) => sum + count, 0);
  return (
    <div className={tall ? `${css['bar']} ${css['tallBar']}` : css['bar']} role="img" aria-label={label}>
      {shown.map(({ tone, count }, index) => (
        <span
          // Shares have a fixed order and nothing else to tell them by.
          // oxlint-disable-next-line react/no-array-index-key
          key={index}
          style={{ flexGrow: count, background: typeof tone === 'string' ? TONE_COLORS[tone] : tone.color }}
        />
      ))}
      {rest > 0 ? <span style={{ flexGrow: rest, background: 'transparent' }} /> : null}
    </div>
  );
}
