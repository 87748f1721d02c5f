// Requests to every route of the OpenAPI document that the server serves, fitting, nearly fitting and malformed: never a fault of the server,
// always the envelope, and a server whose audit verifies afterwards. A failing case prints its seed; give it to `fc.assert` to repeat it.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request as send } from 'node:https';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventStream } from '#protocol/admin/routes.ts';
import { ErrorAnswer } from '#protocol/device/api.ts';
import { MAX_ERROR_BYTES } from '#protocol/limits.ts';
import { addDevices, addFirmware, mac, rollOut } from '../../support/fleet.ts';
import { sizeOf } from '../../support/scope.ts';
import { checkAnswer } from '../../support/server/answer-schema.ts';
import { type DescribedRequest, describedRequests, type Document } from '../../support/server/described-requests.ts';
import { expectAlive, expectNoToken } from '../../support/server/refusal.ts';
import { startTestServer, type TestServer } from '../../support/server/server.ts';

const REQUESTS = Number(process.env['RANDOM_REQUESTS'] ?? sizeOf({ push: 10_000, whole: 1_000_000 }));
/** So many under way at once. */
const TOGETHER = 16;
/** The only statuses of 500 and above that a server in good health gives: it has no place now, or no room on its disk. */
const BUSY: ReadonlySet<number> = new Set([503, 507]);

const agent = new Agent({ keepAlive: true, maxSockets: TOGETHER, rejectUnauthorized: false });

let server: TestServer;
let document: Document;
beforeAll(async () => {
  // All come from one address, as fast as they can.
  server = await startTestServer({ settings: 'limits: {per_address: 100000}' });
  await addDevices(server, 3, '1.0.0');
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) await addFirmware(server, version);
  await rollOut(server, '1.0.0', 'complete');
  await rollOut(server, '1.1.0', 'expand');
  await server.checkIn(mac(1), '1.0.0');
  await server.admin('createLabel', { body: { name: 'lab' } });
  document = (await server.json('GET', '/openapi.json')).body as unknown as Document;
});
afterAll(async () => {
  agent.destroy();
  await server.end();
});

/** What is there when it begins, and what these requests may make. */
const KNOWN = [
  mac(1),
  mac(2),
  mac(3),
  '1.0.0',
  '1.1.0',
  '1.2.0',
  'default',
  'esp32',
  'lab',
  'pilot',
  'general',
  'one',
  'two',
];

test(`${REQUESTS} requests of all kinds to all routes: no fault but 503 and 507, and the envelope holds`, async () => {
  const routes = new Set<string>();
  const statuses = new Map<number, number>();
  let queries = 0;
  const spoken = fc.tuple(describedRequests(document, KNOWN), fc.nat({ max: 19 }));
  await fc.assert(
    fc.asyncProperty(fc.array(spoken, { minLength: TOGETHER, maxLength: TOGETHER }), async (requests) => {
      await Promise.all(
        requests.map(async ([request, token]) => {
          const status = await ask(request, tokenFor(request, token > 0));
          routes.add(request.route);
          queries += request.path.includes('?') ? 1 : 0;
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }),
      );
    }),
    // What fails depends on what was there: a smaller case of it would be another one.
    { numRuns: Math.ceil(REQUESTS / TOGETHER), endOnFailure: true },
  );
  const all = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect([...routes].toSorted()).toEqual(all.toSorted());
  const [done = 0, refused = 0] = [statuses.get(200), statuses.get(400)];
  // Neither all of it let through nor all of it stopped at the door.
  expect({ done: done > REQUESTS / 20, refused: refused > REQUESTS / 20 }).toEqual({ done: true, refused: true });
  expect(queries).toBeGreaterThan(REQUESTS / 20);
  await expectAlive(server);
  expect(await server.admin('verifyAudit')).toMatchObject({ intact: true });
  expect(server.logged.filter((line) => /"level":(50|60)/.test(line))).toEqual([]);
  expectNoToken(server, server.logged);
});

function tokenFor({ route }: DescribedRequest, isRight: boolean): string {
  return route.includes('/api/v1/admin/') === isRight ? server.adminToken : server.fleetToken;
}

/** Resolves with the status, once the answer is what it must be. */
async function ask(request: DescribedRequest, token: string): Promise<number> {
  const { method, path, headers, body } = request;
  const sent = send(new URL(server.url.origin + path), {
    method,
    agent,
    headers: { ...headers, authorization: `Bearer ${token}`, 'content-length': body?.length ?? 0 },
  });
  let answered = 'no answer';
  try {
    const answer = once(sent.end(body), 'response');
    const [response] = await (answer as Promise<[IncomingMessage]>);
    const { statusCode: status = 0 } = response;
    if (path.split('?', 1)[0] === eventStream.path && status === 200) {
      // It has no end.
      response.once('error', () => undefined).destroy();
      return status;
    }
    const bytes = await buffer(response);
    answered = `${status} ${bytes.toString('utf8', 0, 500)}`;
    expectAnswer(request, status, bytes, String(response.headers['content-type']));
    return status;
  } catch (error) {
    const said = `${method} ${path} ${JSON.stringify(headers)} ${body?.toString('latin1') ?? ''}`;
    throw new Error(`${said}: ${answered}`, { cause: error });
  }
}

function expectAnswer({ method, path }: DescribedRequest, status: number, bytes: Buffer, type: string): void {
  if (status >= 500) expect(BUSY).toContain(status);
  if (status < 400) {
    if (type.startsWith('application/json')) checkAnswer(method, path, status, JSON.parse(bytes.toString()));
    return;
  }
  expect(bytes.length).toBeLessThanOrEqual(MAX_ERROR_BYTES);
  const body: unknown = JSON.parse(bytes.toString());
  expect(body).toSatisfy((value: unknown) => Value.Check(ErrorAnswer, value));
}
