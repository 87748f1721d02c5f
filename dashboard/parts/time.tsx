// Times: how long ago, and on a closer look exactly when, with the zone.

import { type ReactNode, useEffect, useState } from 'react';

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;
const TICK_MS = 10_000;

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' });

/** `3 min. ago`, `in 2 hr.`; below a minute `now`. */
function agoText(instant: string, nowMs: number): string {
  const seconds = (Date.parse(instant) - nowMs) / 1000;
  const unit = UNITS.find(([, size]) => Math.abs(seconds) >= size);
  if (unit === undefined) return 'just now';
  return relative.format(Math.trunc(seconds / unit[1]), unit[0]);
}

export function Ago({ at }: { readonly at: string }): ReactNode {
  const nowMs = useNow();
  return (
    <time dateTime={at} title={exactText(at)}>
      {agoText(at, nowMs)}
    </time>
  );
}

export function exactText(instant: string): string {
  return exact.format(new Date(instant));
}

/** `45 s`, `10 min`, `2 h`, `3 d`. */
export function lengthText(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** The present instant, anew every ten seconds. */
function useNow(): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}
