// Asks before something that was written and not kept is left: by a link, by Ctrl+K, by the way back, and by closing the page. Where a
// browser cannot hold a navigation (`navigation` of the HTML standard) it asks for the last one alone.

import { type ReactNode, useEffect, useRef, useState } from 'react';
import { ActionDialog } from './action-dialog.tsx';

interface LeaveGuard {
  /** To be shown; nothing while nobody leaves. */
  readonly dialog: ReactNode;
  /** It is kept: leave without a question. */
  readonly release: () => void;
  /** Asks where there is something to lose, and goes on. */
  readonly ask: (goOn: () => void) => void;
}

export function useLeaveGuard(isDirty: boolean, text: string): LeaveGuard {
  const [goOn, setGoOn] = useState<() => void>();
  const isHeld = useRef(false);
  useEffect(() => {
    isHeld.current = isDirty;
    if (!isDirty) return undefined;
    const onUnload = (event: BeforeUnloadEvent): void => {
      if (isHeld.current) event.preventDefault();
    };
    const onNavigate = (event: NavigateEvent): void => {
      const { url, key } = event.destination;
      const isAway = new URL(url).pathname !== location.pathname;
      if (!isHeld.current || !isAway || !event.cancelable) return;
      event.preventDefault();
      setGoOn(() => () => {
        isHeld.current = false;
        // The router listens to what it did itself, and to the way back.
        if (event.navigationType === 'traverse') navigation.traverseTo(key);
        else history.pushState(null, '', url);
      });
    };
    addEventListener('beforeunload', onUnload);
    if ('navigation' in window) navigation.addEventListener('navigate', onNavigate);
    return () => {
      removeEventListener('beforeunload', onUnload);
      if ('navigation' in window) navigation.removeEventListener('navigate', onNavigate);
    };
  }, [isDirty]);
  const onClose = (): void => setGoOn(undefined);
  return {
    dialog:
      goOn === undefined ? null : (
        <ActionDialog
          title="Leave without keeping it?"
          confirm="Leave"
          danger
          onClose={onClose}
          onConfirm={() => {
            onClose();
            isHeld.current = false;
            goOn();
          }}
        >
          {text}
        </ActionDialog>
      ),
    release: () => {
      isHeld.current = false;
    },
    ask: (next) => (isHeld.current ? setGoOn(() => next) : next()),
  };
}
