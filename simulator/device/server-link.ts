// With which token a simulated board speaks to the server: its own where the server has accepted it, and the fleet token after
// every answer that is none, so that no answer locks it out. It knows nothing of what is said. As `ServerLink` of the Arduino library.

import type { CheckUpdateAnswer, CheckUpdateRequest } from '#protocol/device/api.ts';
import { type BoardError, type DeviceClient, toBoardError } from './client.ts';
import { DeviceToken } from './device-token.ts';

export interface ServerLinkOptions {
  /** Speaks with the fleet token. */
  readonly client: DeviceClient;
  readonly mac: string;
  readonly neverEnrols?: boolean | undefined;
}

export class ServerLink {
  readonly #options: ServerLinkOptions;
  readonly #token: DeviceToken;
  #client: DeviceClient;
  #trusted: readonly string[] = [];

  constructor(options: ServerLinkOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#token = new DeviceToken(options.client.fleetToken, options.mac);
  }

  /** For reports and downloads: with the token of the check. */
  get client(): DeviceClient {
    return this.#token.isAccepted ? this.#client.withToken(this.#token.text) : this.#client;
  }

  /** These pins hold beside those that it was made with, in the place of others that this call named before. */
  trust(pins: readonly string[]): void {
    if (pins.join() === this.#trusted.join()) return;
    this.#trusted = pins;
    this.#client = this.#options.client.trusting(pins);
  }

  loseToken(): void {
    this.#token.lose();
  }

  /** With its own token, and where that gets no answer, in the same check with the fleet token. Throws a BoardError. */
  async checkIn(body: CheckUpdateRequest, signal: AbortSignal): Promise<CheckUpdateAnswer> {
    try {
      return await this.client.checkUpdate(body, signal);
    } catch (error) {
      signal.throwIfAborted();
      const reason = toBoardError(error);
      if (!this.#token.isAccepted || !saysNo(reason)) throw error;
      if (reason.code === 'auth') this.#token.refuse(reason);
      return this.#client.checkUpdate(body, signal);
    }
  }

  /**
   * Asks for a token of its own where it is time for that; whatever comes of it, the board goes on. Before the first check, other than
   * a real board: one that was simulated before has its token from then, and its check with the fleet token would look like a second board.
   */
  async enrol(nowMs: number, signal: AbortSignal): Promise<void> {
    const { mac, neverEnrols = false } = this.#options;
    if (neverEnrols || !this.#token.mayAsk(nowMs)) return;
    try {
      const { state } = await this.#client.enrol({ mac, token: this.#token.text }, signal);
      this.#token.note(state, nowMs);
    } catch (error) {
      signal.throwIfAborted();
      this.#token.noteFailure(toBoardError(error), nowMs);
    }
  }
}

/** The server was there and said something that is no answer. Where it has no time for anybody, another token helps nobody. */
function saysNo({ code, status }: BoardError): boolean {
  if (status !== undefined) return status !== 429 && status !== 503;
  return code === 'json' || code === 'manifest_syntax' || code === 'http_protocol' || code === 'too_large';
}
