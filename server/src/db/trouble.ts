// What is said of a database that cannot be used as it is. One place for the words, whichever database it is.

import { OtterError } from '#protocol/errors.ts';

/** Seconds after which such trouble may be over: somebody has to look. */
const TROUBLE_RETRY_S = 60;

const RESTORE = 'stop the server and restore a backup: docs/operating.md, "Back up and restore"';

/** `why` is what the database says of it. */
export function damaged(why: string, cause?: unknown, hint = RESTORE): OtterError {
  return new OtterError('database_damaged', `the database is damaged: ${why}`, hint, {
    retryAfterS: TROUBLE_RETRY_S,
    cause,
  });
}

export function readOnly(why: string, hint: string, cause?: unknown): OtterError {
  return new OtterError('storage_read_only', `the database takes no writes: ${why}`, hint, {
    retryAfterS: TROUBLE_RETRY_S,
    cause,
  });
}

export function unavailable(message: string, hint: string, retryAfterS: number, cause?: unknown): OtterError {
  return new OtterError('unavailable', message, hint, { retryAfterS, cause });
}

/** The running server is older than the schema, so it must not go on. */
export function outdated(found: number, known: number): OtterError {
  return new OtterError(
    'server_outdated',
    `a newer Otter has brought the database to schema ${found}; this server knows schema ${known} and takes no more requests`,
    'start the newer version here too: docs/operating.md, "Upgrade Otter"',
    { retryAfterS: TROUBLE_RETRY_S },
  );
}
