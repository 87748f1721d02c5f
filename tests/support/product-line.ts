// A product of its own on a server that tests share: firmware, rollouts and devices that mix with no other test's.

import { expect } from 'vitest';
import type { Assignment, DeviceDetail, Explanation } from '#protocol/admin/devices.ts';
import type { Firmware, UploadAnswer } from '#protocol/admin/firmware.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import type { ReportStatus } from '#protocol/device/api.ts';
import { buildEspImage, type DescriptorSpec } from './esp-image-builder.ts';
import type { Answered, CheckInAnswer, ServerClient } from './server/client.ts';

const CHIP_IDS = { esp32: 0x0000, esp32c3: 0x0005, esp32s3: 0x0009 } as const;
export type LineChip = keyof typeof CHIP_IDS;
export type Stop = 'draft' | 'pilot' | 'expand' | 'complete';

/** What a device says when it is back on the old version after a trial. */
export const CAME_BACK = { boot: { state: 'confirmed', reason: 'panic' } } as const;
export const ON_TRIAL = { boot: { state: 'trial' } } as const;

/** How many lines each file has made: files share a process, and what follows from a MAC is the same whatever ran before. */
const lines = new Map<string, number>();

function nextNumber(): number {
  const file = expect.getState().testPath ?? '';
  const number = (lines.get(file) ?? 0) + 1;
  lines.set(file, number);
  return number;
}

export class ProductLine {
  readonly product: string;
  readonly #number: number;
  #server: ServerClient;
  #devices = 0;

  /** With `number` also the same whichever tests of the file ran before; for a server of one's own. */
  constructor(server: ServerClient, number?: number) {
    this.#number = number ?? nextNumber();
    this.#server = server;
    this.product = `product-${this.#number}`;
  }

  /** The same product on another server with the same database, from now on. */
  moveTo(server: ServerClient): void {
    this.#server = server;
  }

  /** A MAC that no other device has. */
  newMac(): string {
    this.#devices += 1;
    const bytes = (value: number): string =>
      value
        .toString(16)
        .padStart(4, '0')
        .replace(/(?=..$)/, ':');
    return `24:6f:${bytes(this.#number)}:${bytes(this.#devices)}`;
  }

  /** A device that has checked in once on this version, and has these labels, whatever rollout is under way. */
  async newDevice(version: string, labels: readonly string[] = []): Promise<string> {
    const mac = this.newMac();
    await this.checkIn(mac, version);
    for (const name of labels)
      await this.#server.admin('labelDevice', { params: { device: mac, name }, query: { confirm: 'true' } });
    return mac;
  }

  async checkIn(mac: string, version: string, more: Readonly<Record<string, unknown>> = {}): Promise<CheckInAnswer> {
    return this.#server.checkIn(mac, version, { product: this.product, ...more });
  }

  /** The assignment that this device is offered now; fails where there is none. */
  async offer(mac: string, version: string, more: Readonly<Record<string, unknown>> = {}): Promise<number> {
    const { assignment_id, reason } = await this.checkIn(mac, version, more);
    if (assignment_id === undefined) throw new Error(`no offer for ${mac}: ${reason}`);
    return assignment_id;
  }

  /** The same, and the device begins to fetch it, so that it counts in gates. */
  async take(mac: string, version: string, more: Readonly<Record<string, unknown>> = {}): Promise<number> {
    const id = await this.offer(mac, version, more);
    await this.report(mac, id, 0, 'downloading');
    return id;
  }

  /** A device on `from` takes the build that it is offered and confirms it. */
  async update(mac: string, from: string, build: string): Promise<void> {
    await this.take(mac, from);
    await this.checkIn(mac, build, ON_TRIAL);
    await this.checkIn(mac, build);
  }

  /** The same, but it leaves the build in its trial. */
  async rollBack(mac: string, from: string, build: string): Promise<void> {
    await this.take(mac, from);
    await this.checkIn(mac, build, ON_TRIAL);
    await this.checkIn(mac, from, CAME_BACK);
  }

  async report(
    mac: string,
    assignmentId: number,
    sequence: number,
    status: ReportStatus,
    more: { readonly error_code?: string; readonly detail?: string } = {},
  ): Promise<Answered> {
    return this.#server.device('report-status', { mac, assignment_id: assignmentId, sequence, status, ...more });
  }

  /** Uploads a build with an image for each chip. */
  async add(
    version: string,
    options: { readonly ready?: boolean; readonly chips?: readonly LineChip[]; readonly secureVersion?: number } = {},
  ): Promise<Firmware> {
    const { chips = ['esp32'], ready = true, ...rest } = options;
    for (const chip of chips) await this.upload(version, this.image(version, { chip, ...rest }), { ready });
    return this.#server.admin('getFirmware', { params: { version }, query: { product: this.product } });
  }

  /** The image that `add` uploads. */
  image(version: string, options: { readonly chip?: LineChip } & DescriptorSpec = {}): Buffer {
    const { chip = 'esp32', ...descriptor } = options;
    return buildEspImage({
      chipId: CHIP_IDS[chip],
      descriptor: { version, projectName: this.product, ...descriptor },
    });
  }

  async upload(version: string, body: Buffer, options: { readonly ready?: boolean } = {}): Promise<UploadAnswer> {
    return this.#server.admin('uploadFirmware', {
      query: { product: this.product, version, pilot_ready: String(options.ready ?? true) },
      body,
    });
  }

  /** A new rollout of an uploaded build, taken to where it is wanted. */
  async rollOut(version: string, until: Stop = 'pilot', pilotLabel = 'pilot'): Promise<Rollout> {
    const body = { version, product: this.product, pilot_label: pilotLabel };
    let rollout = await this.#server.admin('createRollout', { body });
    const steps = { draft: 0, pilot: 1, expand: 2, complete: 3 };
    for (const step of (['start', 'promote', 'promote'] as const).slice(0, steps[until]))
      rollout = await this.move(version, step);
    return rollout;
  }

  /** Build and completed rollout: what late devices get. */
  async makeStable(version: string): Promise<void> {
    await this.add(version);
    await this.rollOut(version, 'complete');
  }

  async move(version: string, command: 'start' | 'promote' | 'pause' | 'resume' | 'abort'): Promise<Rollout> {
    return this.#server.admin(`${command}Rollout`, { params: { name: this.rolloutName(version) }, body: {} });
  }

  async block(version: string) {
    const name = { params: { version }, query: { product: this.product } };
    return this.#server.admin('blockFirmware', { ...name, body: { reason: 'heater stays on' } });
  }

  async rollout(version: string): Promise<Rollout> {
    return this.#server.admin('getRollout', { params: { name: this.rolloutName(version) } });
  }

  /** Of one stage of a rollout. */
  async outcomes(version: string, stage: 'pilot' | 'expand'): Promise<Rollout['stages'][number]['outcomes']> {
    const { stages } = await this.rollout(version);
    const found = stages.find((candidate) => candidate.stage === stage);
    if (found === undefined) throw new Error(`rollout ${version} has no stage ${stage}`);
    return found.outcomes;
  }

  async detail(mac: string): Promise<DeviceDetail> {
    return this.#server.admin('getDevice', { params: { device: mac } });
  }

  /** The latest first. */
  async assignments(mac: string): Promise<readonly Assignment[]> {
    return (await this.detail(mac)).assignments;
  }

  async explain(mac: string): Promise<Explanation> {
    return this.#server.admin('explainDevice', { params: { device: mac } });
  }

  rolloutName(version: string): string {
    return `${this.product}-${version}`;
  }
}
