// What the event stream says, for every part that wants to know.

import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';
import { type Live, startLive } from './live.ts';

const LiveContext = createContext<Live>({ events: [], state: 'connecting' });

export function LiveProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const client = useQueryClient();
  const [live, setLive] = useState<Live>({ events: [], state: 'connecting' });
  useEffect(
    () =>
      startLive(setLive, () => void client.invalidateQueries({ predicate: ({ meta }) => meta?.['isDear'] !== true })),
    [client],
  );
  return <LiveContext value={live}>{children}</LiveContext>;
}

export function useLive(): Live {
  return useContext(LiveContext);
}
