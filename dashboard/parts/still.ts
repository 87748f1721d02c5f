// What is under the pointer stays there: while it is over a list, the list is as it was when it came. What is new is counted, and shown
// when the pointer leaves.

import { useState } from 'react';

interface Still<T> {
  readonly shown: T;
  readonly isHeld: boolean;
  /** For the element around the list. */
  readonly hold: { readonly onPointerEnter: () => void; readonly onPointerLeave: () => void };
}

export function useStill<T>(value: T): Still<T> {
  const [kept, setKept] = useState<{ readonly value: T }>();
  return {
    shown: kept === undefined ? value : kept.value,
    isHeld: kept !== undefined,
    hold: { onPointerEnter: () => setKept({ value }), onPointerLeave: () => setKept(undefined) },
  };
}
