// A connection that failed, in words: who was asked, what happened, what to do. Nothing here decides to try again.

import { CommandError } from '#cli/exit-code.ts';
import { formatPin, PinMismatchError } from '#protocol/pinned-https.ts';
import { OTTER, START } from '#cli/program-place.ts';

/** Where a pin comes from, and how one would replace it. */
export interface PinSource {
  readonly is: string;
  readonly toChange: string;
}

/** Who was asked. */
interface Asked {
  readonly url: URL;
  readonly pinSource: PinSource;
}

/** What a request threw (`node:https`, the pin check, Ctrl-C), as the failure that is shown. */
export function asConnectionError(error: unknown, connection: Asked, signal: AbortSignal): CommandError {
  if (error instanceof CommandError) return error;
  if (error instanceof PinMismatchError) return identityChanged(error, connection);
  if (!signal.aborted) return unreachable(error, connection.url);
  const hint = 'look whether it happened before you repeat it';
  return CommandError.own('interrupted', 'interrupted while the server was asked', hint);
}

/** No connection could be made, or it broke. */
export function unreachable(error: unknown, url: URL): CommandError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error));
  const hint = HINTS[code] ?? 'check the address and the network, then repeat the command';
  return CommandError.own('server_unreachable', `no answer from ${hostAndPort(url)}: ${reason}`, hint, {
    cause: error,
  });
}

/** Host and port, the port also where the address leaves it out. */
export function hostAndPort(url: URL): string {
  return `${url.hostname}:${url.port === '' ? '443' : url.port}`;
}

function identityChanged(error: PinMismatchError, connection: Asked): CommandError {
  const found = formatPin({ kind: error.expected.kind, sha256: error.found[error.expected.kind] });
  return CommandError.own(
    'server_identity_changed',
    `SERVER IDENTITY CHANGED, nothing was sent: ${hostAndPort(connection.url)} shows ${found}, ` +
      `expected ${formatPin(error.expected)} (${connection.pinSource.is})`,
    `someone may stand between you and the server; if its certificate was really changed (compare with \`${OTTER} cert show\` there), ${connection.pinSource.toChange}`,
    { cause: error },
  );
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the server closed the connection',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name cannot be looked up now',
  ETIMEDOUT: 'it does not answer in time',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  EPROTO: 'it does not speak TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
};

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: `is it running? try \`${START}\` on its machine, then repeat the command`,
  ENOTFOUND: 'check the name of the server',
};
