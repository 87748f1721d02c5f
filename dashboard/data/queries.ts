// What screens ask, as hooks: a call that is kept and asked again, and an action that changes something and says so.

import { notifications } from '@mantine/notifications';
import {
  keepPreviousData,
  MutationCache,
  QueryCache,
  QueryClient,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { type Answer, call, type CallInput, Refusal } from './api.ts';
import type { ShownRoute } from './routes.ts';

/** A check-in is no event, so what boards say is asked for again after this time. */
const REFRESH_MS = 10_000;

/** Two people at once: what the second one meant is not true any more. */
const OVERTAKEN: ReadonlySet<string> = new Set(['invalid_transition', 'stage_moved', 'rollout_conflict']);

/**
 * `onSignedOut` hears of every answer that asks for a log-in. Only the first of them says that a session ended, perhaps in another
 * tab: with it the server takes the cookie away. So what was answered before is what counts.
 */
export function createQueryClient(onSignedOut: (was: 'never_in' | 'ended') => void): QueryClient {
  let wasIn = false;
  const onError = (error: Error): void => {
    if (!(error instanceof Refusal) || error.status !== 401) return;
    wasIn ||= error.code === 'session_ended';
    onSignedOut(wasIn ? 'ended' : 'never_in');
  };
  const onSuccess = (): void => {
    wasIn = true;
  };
  return new QueryClient({
    queryCache: new QueryCache({ onError, onSuccess }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        refetchInterval: REFRESH_MS,
        staleTime: 1_000,
        // What the server refused it refuses again; what did not answer may answer soon.
        retry: (count, error) => !(error instanceof Refusal) && count < 2,
        retryDelay: 1_000,
      },
    },
  });
}

export function useCall<N extends ShownRoute>(
  name: N,
  input: CallInput<N>,
  options: {
    readonly enabled?: boolean;
    readonly keep?: boolean;
    readonly everyMs?: number;
    /** The server goes through its whole fleet for it: an event does not ask for it anew, a change from here does. */
    readonly isDear?: boolean;
  } = {},
) {
  const { enabled = true, keep = false, everyMs, isDear = false } = options;
  return useQuery<Answer<N>>({
    queryKey: [name, input],
    queryFn: async ({ signal }) => call(name, input, signal),
    enabled,
    ...(everyMs === undefined ? {} : { refetchInterval: everyMs }),
    meta: { isDear },
    ...(keep ? { placeholderData: keepPreviousData } : {}),
  });
}

/**
 * Changes something. `said` is what is told when it was done; without it nothing is. `isShown`: who asks shows a refusal where it belongs,
 * as beside a field.
 */
export function useAction<N extends ShownRoute>(
  name: N,
  said?: (answer: Answer<N>) => string,
  { isShown = false }: { readonly isShown?: boolean } = {},
) {
  const client = useQueryClient();
  return useMutation<Answer<N>, Error, CallInput<N>>({
    mutationFn: async (input) => call(name, input),
    onSuccess: (answer) => {
      if (said !== undefined) tell(said(answer));
    },
    onError: (error) => {
      if (error instanceof Refusal && (error.code === 'confirmation_needed' || error.status === 401)) return;
      if (isShown && error instanceof Refusal) return;
      tellError(error);
    },
    onSettled: async () => client.invalidateQueries(),
  });
}

/** Its cross has no name of its own. */
const CLOSE = { closeButtonProps: { 'aria-label': 'Close' } } as const;

export function tell(message: string): void {
  notifications.show({ message, color: 'otter', withBorder: true, ...CLOSE });
}

export function tellError(error: Error): void {
  const isOvertaken = error instanceof Refusal && OVERTAKEN.has(error.code);
  notifications.show({
    title: isOvertaken ? 'Somebody was faster; this page shows the new state' : sentence(error.message),
    message: isOvertaken ? sentence(error.message) : error instanceof Refusal ? sentence(error.hint) : 'Try again.',
    color: isOvertaken ? 'yellow' : 'red',
    withBorder: true,
    autoClose: 10_000,
    ...CLOSE,
  });
}

/** With a capital letter and a full stop. */
export function sentence(text: string): string {
  if (text === '') return '';
  // Names of settings stand in backticks for terminals.
  const plain = text.replaceAll('`', '');
  const whole = plain.charAt(0).toUpperCase() + plain.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
