// What every refusal of the server must be, whatever was refused.

import { Value } from 'typebox/value';
import { expect, vi } from 'vitest';
import { ErrorAnswer } from '#protocol/device/api.ts';
import { type ErrorCode, HTTP_STATUS } from '#protocol/errors.ts';
import { MAX_ERROR_BYTES } from '#protocol/limits.ts';
import type { TestServer } from './server.ts';

export type Refused = ErrorAnswer['error'];

/**
 * The answer is this error in the one envelope, small, without stack or token; it left exactly one line in the log; and the
 * server is alive.
 */
export async function expectRefusal(
  server: TestServer,
  answer: { readonly status: number; readonly body: Buffer },
  code: ErrorCode,
  status: number = HTTP_STATUS[code],
): Promise<Refused> {
  const text = answer.body.toString();
  const body: unknown = text === '' ? undefined : JSON.parse(text);
  if (!Value.Check(ErrorAnswer, body)) throw new Error(`${answer.status} without the envelope: ${text.slice(0, 300)}`);
  const { error } = body;
  expect({ status: answer.status, code: error.code, message: error.message }).toMatchObject({ status, code });
  expect(Object.keys(body)).toEqual(['error']);
  expect(Object.keys(error).toSorted()).toEqual(['code', 'hint', 'message', 'request_id']);
  expect(answer.body.length).toBeLessThanOrEqual(MAX_ERROR_BYTES);
  expect(error.hint).not.toBe('');
  expect(text).not.toMatch(/node_modules|node:internal|\.ts:\d|\bat .*:\d+:\d+/);
  expectNoToken(server, [text]);
  await expectLoggedOnce(server, error.request_id, { status, code });
  await expectAlive(server);
  return error;
}

/** Exactly one line says how the request ended; a fault of the server may have said more before. */
export async function expectLoggedOnce(
  server: TestServer,
  requestId: string,
  wanted: { readonly status: number; readonly code?: string },
): Promise<Readonly<Record<string, unknown>>> {
  const lines = await vi.waitFor(() => {
    const found = linesOf(server, requestId);
    expect(found.filter(({ msg }) => msg === 'request')).toHaveLength(1);
    return found;
  });
  if (wanted.status < 500) expect(lines).toHaveLength(1);
  const line = lines.find(({ msg }) => msg === 'request') ?? {};
  expect(line).toMatchObject(wanted);
  return line;
}

export async function expectAlive(server: TestServer): Promise<void> {
  const { status, body } = await server.json('GET', '/healthz');
  expect({ status, body }).toEqual({ status: 200, body: { status: 'ok' } });
}

/** No text holds a token, nor the half of one. */
export function expectNoToken(server: TestServer, texts: readonly string[]): void {
  for (const token of [server.fleetToken, server.adminToken]) {
    const half = token.slice(0, Math.ceil(token.length / 2));
    expect(texts.filter((text) => text.includes(half) || text.includes(token.slice(half.length)))).toEqual([]);
  }
}

function linesOf(server: TestServer, requestId: string): readonly Readonly<Record<string, unknown>>[] {
  return server.logged.filter((line) => line.includes(`"${requestId}"`)).map((line) => JSON.parse(line));
}
