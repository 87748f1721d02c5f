// A real HTTPS server that answers one device as a test says and remembers what it was sent. It has no rules of its own.

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { CheckUpdateAnswer, CheckUpdateRequest, EnrolRequest, Offer } from '#protocol/device/api.ts';
import type { Pin } from '#protocol/pinned-https.ts';
import { readCertificate } from '#server/certs/certificate.ts';
import { createSelfSigned } from '#server/certs/self-signed.ts';
import type { Report } from '#simulator/device/client.ts';

export const FLEET_TOKEN = 'a-token-of-the-test';
export const NOTHING_NEW: CheckUpdateAnswer = { update_available: false, reason: 'up_to_date', poll_interval_s: 600 };

/** An answer other than 200 with what the script says. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
}

export interface Script {
  readonly image: Buffer;
  /** What is said to an enrolment; a token that is accepted works from then on. Left out: 404, as an older server. */
  readonly enrol?: (asked: EnrolRequest, index: number) => 'accepted' | 'pending' | Refusal;
  /** Asked first, for every request: what is wrong with its token. */
  readonly refuse?: (request: ToldRequest) => Refusal | undefined;
  /** The answer to a check-in; `index` counts them from 0. */
  readonly checkIn: (body: CheckUpdateRequest, index: number) => CheckUpdateAnswer;
  /** Breaks the connection of the first download after this many bytes. */
  readonly breakFirstDownloadAt?: number;
}

interface Download {
  readonly url: string | undefined;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

/** With which token somebody asked for what. */
interface ToldRequest {
  readonly path: string;
  readonly token: string;
}

export interface ScriptedServer {
  readonly url: URL;
  readonly pin: Pin;
  readonly requests: readonly ToldRequest[];
  readonly enrolments: readonly EnrolRequest[];
  /** Device tokens that work; a test may take one away. */
  readonly deviceTokens: Set<string>;
  readonly checkIns: readonly CheckUpdateRequest[];
  readonly reports: readonly Report[];
  /** Address as it was asked for, Range and If-Range of every download, in order. */
  readonly downloads: readonly Download[];
  readonly close: () => Promise<void>;
}

export async function makeCertificate(): Promise<{ readonly cert: string; readonly key: string; readonly pin: Pin }> {
  const { certPem, keyPem } = await createSelfSigned({ hosts: ['127.0.0.1'], nowMs: Date.now(), validYears: 1 });
  return { cert: certPem, key: keyPem, pin: { kind: 'spki', sha256: readCertificate(certPem).spkiPin } };
}

export async function startScriptedServer(script: Script): Promise<ScriptedServer> {
  const { cert, key, pin } = await makeCertificate();
  const requests: ToldRequest[] = [];
  const enrolments: EnrolRequest[] = [];
  const deviceTokens = new Set<string>();
  const checkIns: CheckUpdateRequest[] = [];
  const reports: Report[] = [];
  const downloads: Download[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    void answer(request, response);
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = { path: request.url ?? '', token: (request.headers.authorization ?? '').replace('Bearer ', '') };
    requests.push(asked);
    const refusal = script.refuse?.(asked);
    if (refusal !== undefined) {
      sendRefusal(response, refusal);
    } else if (asked.token !== FLEET_TOKEN && !deviceTokens.has(asked.token)) {
      sendRefusal(response, { status: 401, code: 'token_invalid' });
    } else if (request.url === '/api/v1/enrol') {
      const enrolment = await readJson<EnrolRequest>(request);
      enrolments.push(enrolment);
      const said = script.enrol?.(enrolment, enrolments.length - 1) ?? { status: 404, code: 'not_found' };
      if (said === 'accepted') deviceTokens.add(enrolment.token);
      if (typeof said === 'object') sendRefusal(response, said);
      else response.end(JSON.stringify({ state: said }));
    } else if (request.url === '/api/v1/check-update') {
      const body = await readJson<CheckUpdateRequest>(request);
      checkIns.push(body);
      response.end(JSON.stringify(script.checkIn(body, checkIns.length - 1)));
    } else if (request.url === '/api/v1/report-status') {
      const body = await readJson<Report>(request);
      reports.push(body);
      response.end(JSON.stringify({ state: body.status, duplicate: false }));
    } else {
      const ifRange = request.headers['if-range'];
      const { url, headers } = request;
      downloads.push({ url, range: headers.range, ifRange: typeof ifRange === 'string' ? ifRange : undefined });
      sendImage(request, response, script, downloads.length === 1);
    }
  };
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`https://127.0.0.1:${port}`),
    pin,
    requests,
    enrolments,
    deviceTokens,
    checkIns,
    reports,
    downloads,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

export function offerOf(image: Buffer, change: Partial<Offer['manifest']> = {}, rollback = false): Offer {
  return {
    update_available: true,
    reason: 'offered',
    poll_interval_s: 600,
    assignment_id: 7,
    rollback,
    labels: [],
    url: '/firmware/thermostat/1.1.0/esp32/image.bin',
    manifest: {
      format: 'otter-manifest/1',
      product: 'thermostat',
      version: '1.1.0',
      chip: 'esp32',
      size_bytes: image.length,
      sha256: sha256Of(image),
      security_version: 0,
      created_at: '2026-11-23T10:00:00Z',
      release_notes: '',
      ...change,
    },
  };
}

export function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function sendRefusal(response: ServerResponse, { status, code }: Refusal): void {
  response.writeHead(status).end(JSON.stringify({ error: { code, message: '', hint: '', request_id: '' } }));
}

function sendImage(request: IncomingMessage, response: ServerResponse, script: Script, isFirst: boolean): void {
  const etag = `"${sha256Of(script.image)}"`;
  const start =
    request.headers['if-range'] === etag ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]) : 0;
  const rest = script.image.subarray(start);
  response.writeHead(start === 0 ? 200 : 206, {
    etag,
    'content-length': rest.length,
    ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${script.image.length - 1}/${script.image.length}` }),
  });
  if (isFirst && script.breakFirstDownloadAt !== undefined) {
    response.write(rest.subarray(0, script.breakFirstDownloadAt), () => response.socket?.destroySoon());
  } else {
    response.end(rest);
  }
}

async function readJson<T>(request: IncomingMessage): Promise<T> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as T;
}
