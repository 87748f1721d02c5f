// The four requests of a device, over TLS with the pin checked before the first byte. Whatever goes wrong becomes a
// BoardError with a name from the table of device errors. It never retries and never decides. Follows docs/device-protocol.md.

import type { IncomingMessage } from 'node:http';
import { Compile } from 'typebox/compile';
import {
  CheckUpdateAnswer,
  type CheckUpdateRequest,
  EnrolAnswer,
  type EnrolRequest,
  ErrorAnswer,
  type ReportStatus,
  ReportStatusAnswer,
  type ReportStatusRequest,
} from '#protocol/device/api.ts';
import type { DeviceErrorName } from '#protocol/device/errors.ts';
import { Manifest } from '#protocol/device/manifest.ts';
import { openPinned, parsePin, type PinnedAgent, PinMismatchError, requestPinned } from '#protocol/pinned-https.ts';
import type { Semaphore } from '#simulator/semaphore.ts';

/** Answers to check-in and report are small; a board reads them into a fixed buffer. */
const MAX_ANSWER_BYTES = 16_384;

const checkUpdateAnswer = Compile({ Manifest }, CheckUpdateAnswer);
const reportStatusAnswer = Compile(ReportStatusAnswer);
const enrolAnswer = Compile(EnrolAnswer);
const errorAnswer = Compile(ErrorAnswer);

export type Report = Omit<ReportStatusRequest, 'status'> & { readonly status: ReportStatus };

/** What the library on a board would return as its error. */
export class BoardError extends Error {
  readonly code: DeviceErrorName;
  /** HTTP status; undefined where no answer came. */
  readonly status: number | undefined;
  readonly retryAfterS: number | undefined;
  /** The code of the server's error, such as `other_board`; undefined where its answer has none. */
  readonly refusal: string | undefined;

  constructor(
    code: DeviceErrorName,
    message: string,
    answer: {
      readonly status?: number;
      readonly retryAfterS?: number | undefined;
      readonly refusal?: string | undefined;
    } = {},
  ) {
    super(message);
    this.name = 'BoardError';
    this.code = code;
    this.status = answer.status;
    this.retryAfterS = answer.retryAfterS;
    this.refusal = answer.refusal;
  }
}

export interface DeviceClientOptions {
  readonly server: URL;
  readonly agent: PinnedAgent;
  readonly fleetToken: string;
  /** Goes with every request in place of the fleet token; an enrolment needs a client without one. */
  readonly deviceToken?: string;
  /** Shared by a fleet: how many connections may be opening at the same time. */
  readonly semaphore: Semaphore;
}

export class DeviceClient {
  readonly #options: DeviceClientOptions;

  constructor(options: DeviceClientOptions) {
    this.#options = options;
  }

  get fleetToken(): string {
    return this.#options.fleetToken;
  }

  /** The same client, for a board with this token of its own. */
  withToken(deviceToken: string): DeviceClient {
    return new DeviceClient({ ...this.#options, deviceToken });
  }

  /** The same client, which takes a server with one of these pins, too. */
  trusting(pins: readonly string[]): DeviceClient {
    const agent = this.#options.agent.trusting(pins.map(parsePin).filter((pin) => pin !== undefined));
    return new DeviceClient({ ...this.#options, agent });
  }

  /** Asks the server to accept a token, with the fleet token. Throws a BoardError for everything but a well-formed 200. */
  async enrol(body: EnrolRequest, signal: AbortSignal): Promise<EnrolAnswer> {
    const answer = await this.#post('/api/v1/enrol', body, signal);
    if (enrolAnswer.Check(answer)) return answer;
    throw new BoardError('json', `the answer to the enrolment is malformed: ${JSON.stringify(answer)}`);
  }

  /** Checks in. Throws a BoardError for everything but a well-formed 200. */
  async checkUpdate(body: CheckUpdateRequest, signal: AbortSignal): Promise<CheckUpdateAnswer> {
    const answer = await this.#post('/api/v1/check-update', body, signal);
    if (checkUpdateAnswer.Check(answer)) return answer;
    throw new BoardError('manifest_syntax', `the answer to the check-in is malformed: ${JSON.stringify(answer)}`);
  }

  /** Sends one report. Throws a BoardError for everything but a well-formed 200. */
  async report(body: Report, signal: AbortSignal): Promise<ReportStatusAnswer> {
    const answer = await this.#post('/api/v1/report-status', body, signal);
    if (reportStatusAnswer.Check(answer)) return answer;
    throw new BoardError('http_protocol', `the answer to the report is malformed: ${JSON.stringify(answer)}`);
  }

  /** Opens an image (200 or 206); the caller reads or destroys the body. `path` is the `url` of an offer. */
  async openImage(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    // The token belongs to this server: an address of another one is never followed.
    if (!/^\/(?!\/)/.test(path)) throw new BoardError('manifest_syntax', `the url is not a path: ${path}`);
    const response = await this.#options.semaphore.pass(() =>
      openPinned({
        method: 'GET',
        url: new URL(path, this.#options.server),
        agent: this.#options.agent,
        headers: { ...headers, ...this.#authorization() },
        signal,
      }).catch(throwAsBoardError),
    );
    const status = response.statusCode ?? 0;
    if (status === 200 || status === 206) return response;
    response.destroy();
    throw statusError(status, response.headers['retry-after'], path);
  }

  async #post(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    const {
      status,
      headers,
      body: answer,
    } = await this.#options.semaphore.pass(() =>
      requestPinned({
        method: 'POST',
        url: new URL(path, this.#options.server),
        agent: this.#options.agent,
        headers: { 'content-type': 'application/json', ...this.#authorization() },
        body: JSON.stringify(body),
        maxBytes: MAX_ANSWER_BYTES,
        signal,
      }).catch(throwAsBoardError),
    );
    if (status !== 200) throw statusError(status, headers['retry-after'], answer.toString());
    return parseJson(answer);
  }

  #authorization(): { readonly authorization: string } {
    const { deviceToken, fleetToken } = this.#options;
    return { authorization: `Bearer ${deviceToken ?? fleetToken}` };
  }
}

/** Turns an error of the connection into the name that a board would report. Rethrows what is a bug of this program. */
export function toBoardError(error: unknown): BoardError {
  if (error instanceof BoardError) return error;
  if (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError) throw error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof PinMismatchError) return new BoardError('pin_mismatch', message);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return new BoardError(nameOf(code, message), message);
}

function nameOf(code: string, message: string): DeviceErrorName {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'dns';
  if (code === 'ENETUNREACH' || code === 'ENETDOWN') return 'no_network';
  if (code === 'ECONNREFUSED' || code === 'EHOSTUNREACH') return 'connect';
  if (code === 'ETIMEDOUT' || message.startsWith('no answer from')) return 'timeout';
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || message.includes('TLS handshake')) return 'tls';
  if (code.startsWith('HPE_')) return 'http_protocol';
  if (message.startsWith('the answer is longer')) return 'too_large';
  return 'connection_lost';
}

function throwAsBoardError(error: unknown): never {
  throw error instanceof Error && error.name === 'AbortError' ? error : toBoardError(error);
}

function statusError(status: number, retryAfter: string | undefined, text: string): BoardError {
  const code = status === 401 || status === 403 ? 'auth' : isRedirect(status) ? 'redirect_refused' : 'http_status';
  const retryAfterS = /^\d{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) : undefined;
  return new BoardError(code, `status ${status}: ${text.slice(0, 300)}`, {
    status,
    retryAfterS,
    refusal: codeIn(text),
  });
}

function codeIn(text: string): string | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    return errorAnswer.Check(answer) ? answer.error.code : undefined;
  } catch {
    return undefined;
  }
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new BoardError('json', `the answer is not JSON: ${body.toString().slice(0, 100)}`);
  }
}
