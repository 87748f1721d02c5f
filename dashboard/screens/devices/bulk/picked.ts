// Which boards are picked: those that are ticked, or all that the query means, also those that are not loaded.

import { useState } from 'react';

export interface Picked {
  /** The ids that are ticked. */
  readonly ids: ReadonlySet<string>;
  /** All that match, instead. */
  readonly isAll: boolean;
  readonly isNone: boolean;
  readonly has: (id: string) => boolean;
  readonly toggle: (id: string) => void;
  readonly set: (ids: readonly string[]) => void;
  readonly pickAll: () => void;
  readonly clear: () => void;
}

const NONE: ReadonlySet<string> = new Set();

export function usePicked(): Picked {
  const [ids, setIds] = useState<ReadonlySet<string>>(NONE);
  const [isAll, setAll] = useState(false);
  const set = (next: Iterable<string>): void => {
    setAll(false);
    setIds(new Set(next));
  };
  return {
    ids,
    isAll,
    isNone: !isAll && ids.size === 0,
    has: (id) => isAll || ids.has(id),
    // A tick that goes while all are picked leaves none: which others are meant, nobody has said.
    toggle: (id) => set(isAll ? [] : ids.has(id) ? [...ids].filter((one) => one !== id) : [...ids, id]),
    set,
    pickAll: () => setAll(true),
    clear: () => set([]),
  };
}
