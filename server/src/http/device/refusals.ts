// Requests of boards that were refused: kept for people, who could not see them otherwise. Of the body of one whose token is
// wrong only the MAC is looked for, after the answer, so that a wrong token costs nobody anything.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HTTP_STATUS, type OtterError } from '#protocol/errors.ts';
import { MAX_DEVICE_BODY_BYTES } from '#protocol/limits.ts';
import { toOtterError } from '#server/http/answer/error-answer.ts';
import type { BoardProblems } from '#server/service/fleet/board-problems.ts';
import { addressOf } from '#server/http/request/client-address.ts';

/** Nobody's mistake, or not one that a person can mend on the board. */
const NOT_OF_BOARDS: ReadonlySet<number> = new Set([404, 408, 416, 429]);

export function addRefusals(app: FastifyInstance, problems: BoardProblems, clock: () => number): void {
  app.addHook('onError', (request, _reply, thrown, done) => {
    const error = toOtterError(thrown);
    const status = HTTP_STATUS[error.code];
    if (request.routeOptions.config.scope === 'device' && status < 500 && !NOT_OF_BOARDS.has(status))
      note(request, error, problems, clock);
    done();
  });
}

function note(request: FastifyRequest, error: OtterError, problems: BoardProblems, clock: () => number): void {
  const isToken = HTTP_STATUS[error.code] === 401 || error.code === 'wrong_scope';
  const failed = {
    kind: isToken ? 'token' : 'request',
    address: addressOf(request),
    text: isToken ? (TOKEN_TEXTS[error.code] ?? error.message) : `${error.code}: ${error.message}`,
  } as const;
  if (isToken && !request.raw.complete) findMac(request, (mac) => problems.note({ ...failed, mac }, clock()));
  else problems.note({ ...failed, mac: macIn(JSON.stringify(request.body ?? '')) }, clock());
}

const TOKEN_TEXTS: Readonly<Partial<Record<OtterError['code'], string>>> = {
  token_missing: 'it sent no token',
  token_invalid: 'it sent a token that this server does not know',
  wrong_scope: 'it sent the admin token, which does not work for boards',
};

/** Reads on what a board sends all the same, as far as one check-in is long; what nobody sends ends with the connection. */
function findMac({ raw }: FastifyRequest, found: (mac: string | undefined) => void): void {
  let body = '';
  const read = (chunk: Buffer): void => {
    if (body.length < MAX_DEVICE_BODY_BYTES) body += chunk.toString('latin1');
  };
  raw.on('data', read);
  raw.once('close', () => found(macIn(body)));
}

/** In a body that nobody has checked. */
function macIn(body: string): string | undefined {
  const digits = /"mac"\s*:\s*"([0-9A-Fa-f]{2}(?:[:-]?[0-9A-Fa-f]{2}){5})"/.exec(body)?.[1];
  return digits
    ?.replaceAll(/[:-]/g, '')
    .toLowerCase()
    .replaceAll(/(..)(?=.)/g, '$1:');
}
