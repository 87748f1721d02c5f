// The token of a simulated board's own, and what the server said of it last, as the Arduino library keeps them
// (client/src/core/memory/device_token.h). It speaks to nobody and reads no clock.

import { createHmac } from 'node:crypto';
import type { EnrolAnswer } from '#protocol/device/api.ts';
import type { BoardError } from './client.ts';

/** After an answer the server is not asked sooner to accept the token; a server that knows no device tokens is asked once a day. */
const ASK_AGAIN_MS = 3_600_000;
const ASK_OLD_SERVER_AGAIN_MS = 24 * ASK_AGAIN_MS;
/** No answer: with the next check. */
const NO_ANSWER_MS = 60_000;

type TokenState = 'unasked' | EnrolAnswer['state'] | 'refused';

export class DeviceToken {
  readonly #fleetToken: string;
  readonly #mac: string;
  #made = 0;
  #state: TokenState = 'unasked';
  #askAtMs = 0;

  constructor(fleetToken: string, mac: string) {
    this.#fleetToken = fleetToken;
    this.#mac = mac;
  }

  /**
   * Not drawn: a fleet that is simulated again has the boards of before, and they have their tokens. Nobody without the fleet
   * token can compute it.
   */
  get text(): string {
    const secret = createHmac('sha256', this.#fleetToken).update(`${this.#mac} ${this.#made}`).digest('base64url');
    return `otd_${secret}`;
  }

  get isAccepted(): boolean {
    return this.#state === 'accepted';
  }

  mayAsk(nowMs: number): boolean {
    return !this.isAccepted && nowMs >= this.#askAtMs;
  }

  /** The server answered an enrolment. */
  note(state: EnrolAnswer['state'], nowMs: number): void {
    this.#state = state;
    this.#askAtMs = nowMs + ASK_AGAIN_MS;
  }

  /** An enrolment failed. */
  noteFailure({ status, refusal }: BoardError, nowMs: number): void {
    if (refusal === 'other_board') this.#makeAnother();
    const isAnswer = status === 401 || status === 403;
    const waitMs = status === 404 ? ASK_OLD_SERVER_AGAIN_MS : isAnswer ? ASK_AGAIN_MS : NO_ANSWER_MS;
    this.#askAtMs = nowMs + waitMs;
  }

  /** It does not work any more. When to ask stays as the last answer to asking said. */
  refuse({ refusal }: BoardError): void {
    this.#state = 'refused';
    if (refusal === 'other_board') this.#makeAnother();
  }

  /** The memory of the board was erased: it makes another one, and asks at once. */
  lose(): void {
    this.#makeAnother();
    this.#askAtMs = 0;
  }

  #makeAnother(): void {
    this.#made += 1;
    this.#state = 'unasked';
  }
}
