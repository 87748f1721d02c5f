// What devices and operators do to a server that is about to be killed, and the ledger of what it acknowledged: the promise
// is that every line of the ledger is still true afterwards.

import { hash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { AdminRouteName } from '#protocol/admin/routes.ts';
import type { ReportStatus } from '#protocol/device/api.ts';
import type { Random } from '#simulator/random.ts';
import { addFirmware, rollOut } from '../../support/fleet.ts';
import type { ServerProcess } from '../../support/server/process.ts';
import type { AdminCall } from '../../support/server/client.ts';
import { largeImage } from './large-image.ts';

/** Longest time to the kill, from when work of each kind was answered, however slow the machine is. */
const LONGEST_RUN_MS = 250;
const DEVICES_PER_ROUND = 8;
/** More of them come for each upload or move than of anything else. */
export const REPORTS_PER_ROUND = 10;
const IMAGE_BYTES = [20_000, 400_000] as const;
const OTHER_ROLLOUT = 'other-1';
/** The product whose rollouts go from stage to stage. */
const STAGED = 'staged';

const REPORTS: readonly ReportStatus[] = ['downloading', 'downloaded', 'installing', 'trial'];

interface ReportLine {
  readonly mac: string;
  readonly assignmentId: number;
  readonly sequence: number;
  readonly state: string;
}

export class Ledger {
  /** SHA-256 of every image that was ever sent, by version. */
  readonly sent = new Map<string, string>();
  /** Versions whose upload was answered 201. */
  readonly uploaded = new Set<string>();
  /** The last answered report of each assignment. */
  readonly reports = new Map<number, ReportLine>();
  answeredReports = 0;
  readonly labels = new Set<string>();
  /** Names of the operator's actions on the other rollout, in order; `open` was sent and not answered. */
  readonly actions: string[] = [];
  openAction: string | undefined;
  /** Board to token, of every enrolment that was sent; those whose answer came are in `enrolled`. */
  readonly tokens = new Map<string, string>();
  readonly enrolled = new Set<string>();
  answeredEnrolments = 0;
  answeredMoves = 0;
  /** The moves of each staged rollout that were answered, in order, and the one that was sent and not answered. */
  readonly moves = new Map<string, string[]>();
  openMove: { readonly rollout: string; readonly move: string } | undefined;
}

/** The fleet that every round adds to: one rollout that offers, one that an operator pauses and resumes. */
export async function prepare(server: ServerProcess): Promise<void> {
  await addFirmware(server, '2.0.0');
  await rollOut(server, '2.0.0', 'expand');
  await server.admin('uploadFirmware', {
    query: { pilot_ready: 'true' },
    body: largeImage('1.0.0', 1_000, 'other'),
  });
  await server.admin('uploadFirmware', {
    query: { pilot_ready: 'true' },
    body: largeImage('1.0.0', 1_000, STAGED),
  });
  await server.admin('createRollout', { body: { product: 'other', version: '1.0.0', name: OTHER_ROLLOUT } });
  await server.admin('startRollout', { params: { name: OTHER_ROLLOUT }, body: {} });
}

/** Uploads, reports and actions all at once, until the server is killed at a moment that `random` chooses. */
export async function workUntilKilled(
  server: ServerProcess,
  ledger: Ledger,
  { round, random }: { readonly round: number; readonly random: Random },
): Promise<void> {
  const devices = await Promise.all(
    Array.from({ length: DEVICES_PER_ROUND }, async (_, index) => {
      const mac = `24:6f:28:01:${hex(round)}:${hex(index)}`;
      const { assignment_id } = await server.checkIn(mac, '1.0.0');
      if (assignment_id === undefined) throw new Error(`device ${mac} got no offer`);
      return { mac, assignmentId: assignment_id, sequence: 0, state: 'offered' };
    }),
  );
  for (const device of devices) ledger.reports.set(device.assignmentId, device);
  const before = answeredOf(ledger);
  const target = new Target(server, () => {
    const now = answeredOf(ledger);
    return (
      now.uploads > before.uploads &&
      now.reports > before.reports + REPORTS_PER_ROUND &&
      now.enrolments > before.enrolments &&
      now.moves > before.moves
    );
  });
  const runMs = random.between(0, LONGEST_RUN_MS);
  await Promise.all([
    target.warm.then(async () => delay(runMs)).then(async () => target.kill()),
    ...[1, 2].map(async (uploader) => uploadAll(target, ledger, `0.${round}.${uploader}`, random)),
    ...devices.map(async (device) => reportAll(target, ledger, device)),
    operate(target, ledger, round),
    enrolAll(target, ledger, round),
    moveAll(target, ledger, round),
  ]);
}

function answeredOf({ uploaded, answeredReports, answeredEnrolments, answeredMoves }: Ledger) {
  return { uploads: uploaded.size, reports: answeredReports, enrolments: answeredEnrolments, moves: answeredMoves };
}

/** A server that may be killed under a request: what is answered counts, what breaks afterwards does not. */
class Target {
  readonly server: ServerProcess;
  /** Resolves when work of each kind was answered. */
  readonly warm: Promise<void>;
  readonly #tellWarm: () => void;
  readonly #isWarm: () => boolean;
  #isKilled = false;

  constructor(server: ServerProcess, isWarm: () => boolean) {
    this.server = server;
    this.#isWarm = isWarm;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.warm = promise;
    this.#tellWarm = resolve;
  }

  async kill(): Promise<void> {
    this.#isKilled = true;
    await this.server.kill9();
  }

  /** Undefined where the server was gone before it answered. Rejects where it refused. */
  async send(name: AdminRouteName, call: AdminCall): Promise<'done' | undefined> {
    const done = await this.answered(async () => this.server.admin(name, call));
    return done === undefined ? undefined : 'done';
  }

  async answered<T>(request: () => Promise<T>): Promise<T | undefined> {
    if (this.#isWarm()) this.#tellWarm();
    try {
      return await request();
    } catch (error) {
      if (this.#isKilled) return undefined;
      throw error;
    }
  }
}

async function uploadAll(target: Target, ledger: Ledger, prefix: string, random: Random): Promise<void> {
  for (let count = 1; ; count += 1) {
    const version = `${prefix}-build.${count}`;
    const body = largeImage(version, random.between(...IMAGE_BYTES));
    ledger.sent.set(version, hash('sha256', body));
    if ((await target.send('uploadFirmware', { body })) === undefined) return;
    ledger.uploaded.add(version);
  }
}

async function reportAll(target: Target, ledger: Ledger, device: ReportLine): Promise<void> {
  const { mac, assignmentId } = device;
  for (let sequence = 1; ; sequence += 1) {
    const status = REPORTS[Math.min(sequence, REPORTS.length) - 1];
    const answer = await target.answered(async () =>
      target.server.device('report-status', { mac, assignment_id: assignmentId, sequence, status }),
    );
    if (answer === undefined) return;
    if (answer.status !== 200) throw new Error(`report-status answered ${answer.status}`);
    ledger.answeredReports += 1;
    ledger.reports.set(assignmentId, { mac, assignmentId, sequence, state: String(answer.body['state']) });
  }
}

async function operate(target: Target, ledger: Ledger, round: number): Promise<void> {
  for (let count = 1; ; count += 1) {
    const label = `round-${round}-${count}`;
    if ((await target.send('createLabel', { body: { name: label } })) === undefined) return;
    ledger.labels.add(label);
    const action = ledger.actions.at(-1) === 'pause' ? 'resume' : 'pause';
    ledger.openAction = action;
    const call = { params: { name: OTHER_ROLLOUT }, body: {} };
    if ((await target.send(action === 'pause' ? 'pauseRollout' : 'resumeRollout', call)) === undefined) return;
    ledger.actions.push(action);
    ledger.openAction = undefined;
  }
}

/** New boards, one after the other, each with a token of its own. */
async function enrolAll(target: Target, ledger: Ledger, round: number): Promise<void> {
  const { server } = target;
  for (let count = 0; count < 256; count += 1) {
    const mac = `24:6f:28:02:${hex(round)}:${hex(count)}`;
    const token = `otd_${randomBytes(32).toString('base64url')}`;
    ledger.tokens.set(mac, token);
    const answer = await target.answered(async () =>
      server.json('POST', '/api/v1/enrol', { token: server.fleetToken, body: { mac, token } }),
    );
    if (answer === undefined) return;
    if (answer.status !== 200) throw new Error(`enrol answered ${answer.status}`);
    ledger.enrolled.add(mac);
    ledger.answeredEnrolments += 1;
  }
}

const MOVES = ['start', 'promote', 'abort'] as const;

/** Rollouts of one build, one after the other, each through two stages and to its end. */
async function moveAll(target: Target, ledger: Ledger, round: number): Promise<void> {
  for (let count = 1; ; count += 1) {
    const rollout = `staged-${round}-${count}`;
    const body = { product: STAGED, version: '1.0.0', name: rollout };
    if ((await target.send('createRollout', { body })) === undefined) return;
    const done: string[] = [];
    ledger.moves.set(rollout, done);
    for (const move of MOVES) {
      ledger.openMove = { rollout, move };
      if ((await target.send(`${move}Rollout`, { params: { name: rollout }, body: {} })) === undefined) return;
      done.push(move);
      ledger.answeredMoves += 1;
      ledger.openMove = undefined;
    }
  }
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}
