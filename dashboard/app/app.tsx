// The whole: theme, cache, and either the log-in page or the screens.

import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { LiveProvider } from '#dashboard/data/live-context.tsx';
import { createQueryClient } from '#dashboard/data/queries.ts';
import { cssVariables, theme } from '#dashboard/theme/theme.ts';
import { LOG_IN_PAGE } from '#dashboard/parts/words.ts';
import { ErrorBoundary } from './error-boundary.tsx';
import { Screens } from './screens.tsx';
import { Shell } from './shell.tsx';

const LogIn = lazy(async () => import('./log-in.tsx'));

const colors = localStorageColorSchemeManager({ key: 'otter-colors' });

export function App({ nonce }: { readonly nonce: string }): ReactNode {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      colorSchemeManager={colors}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce}
    >
      <Notifications position="bottom-right" />
      <ErrorBoundary>
        <Access />
      </ErrorBoundary>
    </MantineProvider>
  );
}

/** What was refused for want of a session leads to the log-in page, whichever screen asked. */
function Access(): ReactNode {
  const [place, go] = useLocation();
  // Whether a session was there that ended.
  const [refused, setRefused] = useState<'never_in' | 'ended'>();
  const client = useMemo(() => createQueryClient(setRefused), []);
  if (refused !== undefined || place === LOG_IN_PAGE)
    return (
      <Suspense>
        <LogIn
          isOver={refused === 'ended'}
          onDone={() => {
            client.clear();
            setRefused(undefined);
            if (place === LOG_IN_PAGE) go('/', { replace: true });
          }}
        />
      </Suspense>
    );
  return (
    <QueryClientProvider client={client}>
      <LiveProvider>
        <Shell>
          <Screens />
        </Shell>
      </LiveProvider>
    </QueryClientProvider>
  );
}
