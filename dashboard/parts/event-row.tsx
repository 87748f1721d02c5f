// One event as a row: what it was, of which board or rollout, when.

import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Event } from '#protocol/admin/events.ts';
import { eventText, eventTone } from './text/event-text.ts';
import { deviceHref, rolloutHref } from './text/links.ts';
import { Ago } from './time.tsx';
import { Dot } from './tone.tsx';
import css from './parts.module.css';

export function EventRow({ event }: { readonly event: Event }): ReactNode {
  const href = hrefOf(event);
  return (
    <div className={css['eventRow']}>
      <Dot tone={eventTone(event)} />
      <Link href={href} className={css['quiet'] ?? ''}>
        {eventText(event)}
        {event.mac === null || event.version === null ? null : <span className={css['dim']}>, {event.version}</span>}
      </Link>
      <span className={css['dim']}>
        <Ago at={event.at} />
      </span>
    </div>
  );
}

/** A device, else a rollout; what is of a product alone has no page of its own. */
function hrefOf({ mac, device_id, rollout }: Event): string {
  if (mac !== null) return deviceHref(device_id ?? mac);
  return rollout === null ? '/rollouts' : rolloutHref(rollout);
}
