// A change that the server wants to hear twice: it answers the first time with what the change would do. Shown and asked on
// a terminal; elsewhere only --yes says it the second time.

import { CommandError } from './exit-code.ts';
import { confirm } from './session.ts';
import type { Shell } from './shell.ts';

/** `call` gets what its request says as `confirm`. Errors: as `confirm` of `cli/session.ts`, and those of the call. */
export async function callConfirmed<T>(
  shell: Shell,
  options: { readonly yes?: true | undefined },
  call: (confirmed: 'true' | 'false') => Promise<T>,
): Promise<T> {
  if (options.yes === true) return call('true');
  try {
    return await call('false');
  } catch (error) {
    if (!(error instanceof CommandError && error.code === 'confirmation_needed')) throw error;
    await confirm(shell, options, `${error.message}; do it`);
    return call('true');
  }
}
