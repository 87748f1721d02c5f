// A simulated device: it polls, vets an offer, downloads it into its spare slot, boots it on trial, and confirms or rolls
// back, as the Arduino library does on a board. It speaks only the device API and knows nothing of fleets or rollouts.
// Time, chance, network and slot come from outside; `stop()` ends everything that waits. Follows docs/device-protocol.md.

import type { CheckUpdateAnswer, Offer, ReportStatus } from '#protocol/device/api.ts';
import type { DeviceErrorName } from '#protocol/device/errors.ts';
import { type Board, validateOffer, waitForWindowMs } from './board.ts';
import { BoardError, type Report, toBoardError } from './client.ts';
import { downloadImage } from './download.ts';
import type { Phase, PollOutcome, SimulatedDeviceOptions } from './life.ts';
import { LivingBoard } from './living-board.ts';
import { drawLuck, type Luck, TRIAL_TIMEOUT, type TrialFailure } from './chances.ts';
import { Outbox } from './outbox.ts';
import { backOffMs, bootWaitMs, installWaitMs, pollWaitMs, retryAfterMs, sleep, trialWaitMs } from './pace.ts';
import { ServerLink } from './server-link.ts';
import type { Random } from '#simulator/random.ts';

/** How long a trial may take before the board goes back by itself: the default of the Arduino library. */
const TRIAL_DEADLINE_MS = 300_000;
/** However fast the fleet plays: network and machine are not sped up, and a good build must not fail because they are busy. */
const MIN_TRIAL_DEADLINE_MS = 30_000;

export class SimulatedDevice {
  readonly #options: SimulatedDeviceOptions;
  readonly #outbox: Outbox;
  readonly #power = new AbortController();
  // Three streams: how often a board polls depends on the machine's speed, and must not change what it meets.
  readonly #waits: Random;
  readonly #luck: Random;
  readonly #lostReports: Random;
  readonly #board: LivingBoard;
  readonly #link: ServerLink;
  #phase: Phase = 'off';
  #downloadedShare = 0;
  /** The verified image in the slot that waits to be installed, for which assignment, and what the board will meet then. */
  #staged: { readonly sha256: string; readonly assignmentId: number; readonly luck: Luck } | undefined;
  #running: Promise<void> | undefined;

  constructor(options: SimulatedDeviceOptions) {
    this.#options = options;
    const { board, habits = {}, faults = [], random } = options;
    this.#board = new LivingBoard({ board, habits, faults, random }, this.#nowMs());
    this.#outbox = new Outbox(options.board.mac);
    this.#link = new ServerLink({ client: options.client, mac: options.board.mac, neverEnrols: habits.neverEnrols });
    this.#waits = options.random.fork('waits');
    this.#luck = options.random.fork('luck');
    this.#lostReports = options.random.fork('lost reports');
  }

  get board(): Board {
    return this.#board.board;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** 0 to 1 while `phase` is `downloading`. */
  get downloadedShare(): number {
    return this.#downloadedShare;
  }

  /** Reports that the server has not acknowledged. */
  get unsentReports(): readonly Report[] {
    return this.#outbox.pending;
  }

  /** Switches the board on: it polls until it is stopped or falls silent. */
  start(): void {
    this.#running ??= this.#live();
  }

  /** Switches the board off at whatever it is doing and empties its slot. Resolves when nothing of it is left running. */
  async stop(): Promise<void> {
    this.#power.abort();
    await this.#running;
    await this.#options.slot.remove();
    this.#phase = 'off';
  }

  /** Erases its NVS, as a cable does: its token, and what it held against builds, are gone. */
  loseMemory(): void {
    this.#link.loseToken();
    this.#board.loseMemory();
    this.#link.trust([]);
  }

  /** One check-in and all that follows from it, until the board would wait for its next poll. */
  async poll(): Promise<PollOutcome> {
    try {
      const passed = this.#board.passTime(this.#nowMs());
      if (passed.kind === 'hanging') return passed;
      if (passed.kind === 'dead') return this.#fallSilent();
      if (passed.kind === 'came_back') return await this.#tellRollback(passed.offer, passed.failure);
      await this.#link.enrol(this.#nowMs(), this.#power.signal);
      await this.#sendReports();
      const answer = await this.#checkIn();
      this.#phase = this.#board.board.rolledBackFrom === undefined ? 'idle' : 'rolled_back';
      if (answer.update_available) return await this.#update(answer);
      return { kind: 'nothing', reason: answer.reason, pollIntervalS: answer.poll_interval_s };
    } catch (error) {
      this.#power.signal.throwIfAborted();
      this.#phase = 'offline';
      return { kind: 'failed', error: toBoardError(error) };
    }
  }

  async #live(): Promise<void> {
    const { pace, onPoll } = this.#options;
    let failures = 0;
    try {
      await this.#sleep(bootWaitMs(pace, this.#waits));
      for (;;) {
        const outcome = await this.poll();
        onPoll?.(outcome);
        if (outcome.kind === 'silent') return;
        if (outcome.kind === 'failed') {
          await this.#backOff(failures, outcome.error);
          failures += 1;
        } else {
          failures = 0;
          await this.#sleep(this.#waitMs(outcome));
        }
      }
    } catch (error) {
      if (!this.#power.signal.aborted) throw error;
    }
  }

  /** How long the board waits after this outcome. */
  #waitMs(outcome: Exclude<PollOutcome, { readonly kind: 'failed' | 'silent' }>): number {
    const { pace, habits } = this.#options;
    if (outcome.kind === 'hanging') return outcome.waitMs;
    if (habits?.sleepMs !== undefined) return habits.sleepMs;
    if (this.#board.isCrashLooping(this.#nowMs())) return bootWaitMs(pace, this.#waits);
    return pollWaitMs(outcome.pollIntervalS, pace, this.#waits);
  }

  #fallSilent(): PollOutcome {
    this.#board.die();
    this.#phase = 'silent';
    return { kind: 'silent' };
  }

  /** From an offer to a confirmed build, or to the reason why not. A failed download is reported before it is thrown. */
  async #update(offer: Offer): Promise<PollOutcome> {
    const pollIntervalS = offer.poll_interval_s;
    const { sha256, size_bytes } = offer.manifest;
    const staged = this.#staged?.sha256 === sha256 ? this.#staged : undefined;
    const luck = staged?.luck ?? drawLuck(this.#options.chances, size_bytes, this.#luck);
    const refusal = validateOffer(this.board, offer);
    if (refusal !== undefined) {
      await this.#report(offer, 'rejected', refusal);
      return { kind: 'rejected', code: refusal, pollIntervalS };
    }
    if (luck.silent) return this.#fallSilent();
    this.#board.forgive(offer);
    await this.#fetch(offer, luck);
    const { quietHours } = this.#options.habits ?? {};
    const waitMs = Math.max(...[offer.install_window, quietHours].map((open) => waitForWindowMs(open, this.#nowMs())));
    if (waitMs > 0) {
      this.#phase = 'waiting';
      return { kind: 'waiting', pollIntervalS: Math.min(pollIntervalS, Math.ceil(waitMs / 1000)) };
    }
    this.#staged = undefined;
    return await this.#install(offer, luck);
  }

  /** Has the image in the slot. One that waits there is told to the server again where the offer has another number. */
  async #fetch(offer: Offer, luck: Luck): Promise<void> {
    const { sha256 } = offer.manifest;
    const isThere = this.#staged?.sha256 === sha256;
    const isTold = isThere && this.#staged?.assignmentId === offer.assignment_id;
    if (!isThere) {
      this.#staged = undefined;
      await this.#download(offer, luck);
    }
    if (!isTold) await this.#report(offer, 'downloaded');
    this.#staged = { sha256, assignmentId: offer.assignment_id, luck };
  }

  async #download(offer: Offer, { link }: Luck): Promise<void> {
    const { slot, pace } = this.#options;
    const { client } = this.#link;
    const { manifest, url } = offer;
    this.#phase = 'downloading';
    this.#downloadedShare = 0;
    await this.#report(offer, 'downloading');
    try {
      await downloadImage({
        client,
        url,
        manifest,
        slot,
        link,
        backOff: (failures, reason) => this.#backOff(failures - 1, reason),
        wait: (waitMs) => this.#sleep(waitMs * pace.scale),
        onProgress: (receivedBytes) => {
          this.#downloadedShare = receivedBytes / manifest.size_bytes;
        },
        signal: this.#power.signal,
      });
    } catch (error) {
      this.#power.signal.throwIfAborted();
      const { code, message } = toBoardError(error);
      await this.#report(offer, 'failed', code, message);
      throw error;
    }
  }

  /** Restarts into the new slot, and tries what is there. */
  async #install(offer: Offer, luck: Luck): Promise<PollOutcome> {
    const { version } = offer.manifest;
    const pollIntervalS = offer.poll_interval_s;
    this.#phase = 'installing';
    await this.#report(offer, 'installing');
    await this.#sleep(installWaitMs(this.#options.pace, this.#waits));
    const fault = this.#board.startTrial(offer, this.#nowMs());
    if (fault?.kind === 'bricks') return this.#fallSilent();
    this.#phase = 'trial';
    if (fault?.kind === 'hangs_on_trial') return { kind: 'hanging', waitMs: fault.delayMs };
    await this.#sleep(trialWaitMs(this.#options.pace, this.#waits));
    if ((fault?.kind === 'goes_back' || fault?.kind === 'goes_back_silently') && fault.delayMs === undefined) {
      this.#board.leave(fault.kind, this.#nowMs());
      this.#phase = 'rolled_back';
      return { kind: 'rolled_back', code: 'crash', pollIntervalS };
    }
    const failure = await this.#tryOut(fault?.kind === 'fails_trial' ? fault.failure : luck.trialFailure);
    if (failure !== undefined) {
      this.#board.rollBack(failure, this.#nowMs());
      return await this.#tellRollback(offer, failure);
    }
    this.#board.confirm(this.#nowMs());
    this.#phase = 'idle';
    await this.#report(offer, 'confirmed');
    return { kind: 'installed', version, pollIntervalS };
  }

  /**
   * The trial of the new build: it must reach the server before the deadline. Offers are ignored on trial. `fate` is the
   * failure that this build is bound to, if any; the answer is the failure that happened.
   */
  async #tryOut(fate: TrialFailure | undefined): Promise<TrialFailure | undefined> {
    const trialMs = TRIAL_DEADLINE_MS * this.#options.pace.scale;
    const deadlineMs = Date.now() + Math.max(trialMs, MIN_TRIAL_DEADLINE_MS);
    if (fate === TRIAL_TIMEOUT) await this.#sleep(trialMs);
    if (fate?.checksIn === false) return fate;
    for (let failures = 0; ; failures += 1) {
      try {
        await this.#checkIn();
        return fate;
      } catch (error) {
        this.#power.signal.throwIfAborted();
        if (Date.now() >= deadlineMs) return TRIAL_TIMEOUT;
        await this.#backOff(failures, toBoardError(error));
      }
    }
  }

  /** The previous build runs again, and tells the server what happened. */
  async #tellRollback(offer: Offer, { code }: TrialFailure): Promise<PollOutcome> {
    this.#phase = 'rolled_back';
    await this.#sleep(trialWaitMs(this.#options.pace, this.#waits));
    await this.#report(offer, 'rolled_back', code);
    return { kind: 'rolled_back', code, pollIntervalS: offer.poll_interval_s };
  }

  async #checkIn(): Promise<CheckUpdateAnswer> {
    const answer = await this.#link.checkIn(this.#board.checkIn(this.#nowMs()), this.#power.signal);
    const sent = answer.update_available ? undefined : answer.configuration;
    this.#link.trust(this.#board.configure(sent, this.#nowMs()));
    return answer;
  }

  #nowMs(): number {
    return this.#options.clock?.() ?? Date.now();
  }

  /** Queues a report and tries to send it now; an update goes on without the server's answer. */
  async #report(offer: Offer, status: ReportStatus, errorCode?: DeviceErrorName, detail?: string): Promise<void> {
    this.#outbox.add({
      assignment_id: offer.assignment_id,
      status,
      ...(errorCode === undefined ? {} : { error_code: errorCode }),
      ...(detail === undefined ? {} : { detail }),
    });
    await this.#sendReports();
  }

  async #sendReports(): Promise<void> {
    const { chances } = this.#options;
    await this.#outbox.flush(async (report) => {
      await this.#link.client.report(report, this.#power.signal);
      if (this.#lostReports.chance(chances.lostReport))
        throw new BoardError('connection_lost', 'the answer got lost on its way');
    });
    this.#power.signal.throwIfAborted();
  }

  async #backOff(failuresBefore: number, reason: BoardError): Promise<void> {
    await this.#sleep(
      reason.retryAfterS === undefined
        ? backOffMs(failuresBefore, this.#options.pace, this.#waits)
        : retryAfterMs(reason.retryAfterS, this.#waits),
    );
  }

  async #sleep(waitMs: number): Promise<void> {
    await sleep(waitMs, this.#power.signal);
  }
}
