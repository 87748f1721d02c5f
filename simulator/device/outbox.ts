// Reports that the server has not acknowledged yet, as the journal of a board keeps them: sent in order, repeated with the
// same sequence number until an answer arrives. It never drops a report that the server might still want.

import { MAX_DETAIL_CHARS } from '#protocol/limits.ts';
import { type Report, toBoardError } from './client.ts';

export class Outbox {
  readonly #mac: string;
  #sequence = 0;
  #pending: readonly Report[] = [];

  constructor(mac: string) {
    this.#mac = mac;
  }

  get pending(): readonly Report[] {
    return this.#pending;
  }

  /** Queues a report under the next sequence number. `detail` becomes one line of the length that the wire has. */
  add({ detail, ...report }: Omit<Report, 'mac' | 'sequence'>): void {
    this.#sequence += 1;
    const printable = detail?.replaceAll(/[^ -~]/g, ' ').slice(0, MAX_DETAIL_CHARS);
    const said = printable === undefined ? report : { ...report, detail: printable };
    this.#pending = [...this.#pending, { mac: this.#mac, sequence: this.#sequence, ...said }];
  }

  /**
   * Sends what is pending, the oldest first, and stops at the first report that does not get through; it stays for the
   * next time. A report that the server refuses for good (400, 404, 409, 413, and 403 `not_this_board`) is given up: repeating it
   * changes nothing.
   */
  async flush(send: (report: Report) => Promise<unknown>): Promise<void> {
    for (const report of this.#pending) {
      try {
        await send(report);
      } catch (error) {
        const { status, refusal } = toBoardError(error);
        const isForGood = status === 400 || status === 404 || status === 409 || status === 413;
        if (!isForGood && !(status === 403 && refusal === 'not_this_board')) return;
      }
      this.#pending = this.#pending.filter(({ sequence }) => sequence !== report.sequence);
    }
  }
}
