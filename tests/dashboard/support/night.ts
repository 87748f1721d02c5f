// A fleet at night, told to a real server over the real wire: two products, one build that completed, one that is on its way, and a
// bad one that has just been stopped. The clock of the server ends at the present, as a browser has it.

import { buildEspImage } from '../../support/esp-image-builder.ts';
import type { TestServer } from '../../support/server/server.ts';

const CHIPS = { esp32: 0x0000, esp32c3: 0x0005, esp32s3: 0x0009 } as const;
type Chip = keyof typeof CHIPS;

interface NightBoard {
  readonly mac: string;
  readonly product: string;
  readonly chip: Chip;
  version: string;
  bootedMs: number;
  reason: string;
}

export interface Night {
  readonly boards: readonly NightBoard[];
  /** The board that tells most of itself. */
  readonly shown: NightBoard;
}

const HOUR_S = 3_600;
const TELLING_HOURS = 30;

/** `size` boards, of which a fifth are of the smaller product. */
export async function tellNight(server: TestServer, size: number): Promise<Night> {
  server.clock.nowMs = Date.now() - (TELLING_HOURS + 1) * HOUR_S * 1000;
  const teller = new Teller(server);
  const thermostats = await teller.add(Math.ceil(size * 0.8), 'thermostat', '1.3.0', ['esp32c3', 'esp32s3']);
  const weather = await teller.add(Math.floor(size * 0.2), 'weather', '2.0.4', ['esp32']);
  for (const [index, board] of thermostats.entries())
    if (index < 6 || index % 9 === 0) await teller.label(board, index < 6 ? 'pilot' : 'workshop');
  for (const board of weather.slice(0, 4)) await teller.label(board, 'greenhouse');
  for (const version of ['1.2.0', '1.3.0', '1.4.0']) await teller.upload('thermostat', version, ['esp32c3', 'esp32s3']);
  for (const version of ['2.0.4', '2.1.0']) await teller.upload('weather', version, ['esp32']);
  for (const [product, version] of [
    ['thermostat', '1.3.0'],
    ['weather', '2.0.4'],
  ] as const) {
    const { name } = await server.admin('createRollout', { body: { product, version, plan: 'urgent' } });
    await server.admin('startRollout', { params: { name }, body: {} });
    await server.admin('promoteRollout', { params: { name }, body: { override: true, reason: 'they all run it' } });
  }
  const [shown] = thermostats;
  if (shown === undefined) throw new Error('a night without boards');
  for (let hour = 0; hour < TELLING_HOURS - 3; hour += 1) {
    server.clock.advance(HOUR_S);
    await teller.checkIn(shown);
    await server.tick();
  }
  await teller.round([...thermostats, ...weather]);
  await tellGoodBuild(server, teller, thermostats);
  const silent = Math.ceil(size / 40);
  const untilMs = Date.now() - 1_500_000;
  // Boards go on asking meanwhile, and the server counts their versions once an hour.
  while (server.clock.nowMs + HOUR_S * 1000 < untilMs) {
    server.clock.advance(HOUR_S);
    await teller.round([...thermostats.slice(0, -silent), ...weather]);
    await server.tick();
  }
  server.clock.nowMs = Math.max(server.clock.nowMs, untilMs);
  await teller.round([...thermostats.slice(0, -silent), ...weather]);
  await tellBadBuild(server, teller, weather);
  server.clock.nowMs = Date.now();
  await server.tick();
  // From now on the clock goes.
  Object.defineProperty(server.clock, 'nowMs', { get: () => Date.now(), set: ignore });
  return { boards: [...thermostats, ...weather], shown };
}

function ignore(): void {
  // It cannot be set any more.
}

async function tellGoodBuild(server: TestServer, teller: Teller, boards: readonly NightBoard[]): Promise<void> {
  const { name } = await server.admin('createRollout', {
    body: { product: 'thermostat', version: '1.4.0', plan: 'careful' },
  });
  await server.admin('startRollout', { params: { name }, body: { reason: 'new display' } });
  for (const board of boards.slice(0, 6)) await teller.update(board);
  for (let quarter = 0; quarter < 6; quarter += 1) {
    server.clock.advance(HOUR_S / 4);
    await teller.round(boards.slice(0, 6));
    await server.tick();
  }
  for (const board of boards.slice(6)) await teller.update(board);
  await server.tick();
}

async function tellBadBuild(server: TestServer, teller: Teller, boards: readonly NightBoard[]): Promise<void> {
  const { name } = await server.admin('createRollout', {
    body: { product: 'weather', version: '2.1.0', plan: 'careful', pilot_label: 'greenhouse' },
  });
  await server.admin('startRollout', { params: { name }, body: {} });
  server.clock.advance(240);
  const [first, ...others] = boards;
  if (first !== undefined) await teller.update(first);
  for (const board of others.slice(0, 2)) await teller.update(board, 'panic');
  await server.tick();
}

class Teller {
  readonly #server: TestServer;
  #made = 0;

  constructor(server: TestServer) {
    this.#server = server;
  }

  async add(count: number, product: string, version: string, chips: readonly Chip[]): Promise<readonly NightBoard[]> {
    const boards = Array.from({ length: count }, (_, index): NightBoard => {
      const chip = chips[index % chips.length] ?? 'esp32';
      return {
        mac: this.#newMac(),
        product,
        chip,
        version,
        bootedMs: this.#server.clock.nowMs - 86_400_000,
        reason: 'power_on',
      };
    });
    for (const board of boards) await this.checkIn(board);
    return boards;
  }

  async label({ mac }: NightBoard, name: string): Promise<void> {
    await this.#server.admin('labelDevice', { params: { device: mac, name }, query: { confirm: 'true' } });
  }

  async upload(product: string, version: string, chips: readonly Chip[]): Promise<void> {
    for (const chip of chips)
      await this.#server.admin('uploadFirmware', {
        query: { product, version, pilot_ready: 'true', notes: NOTES[version] ?? '' },
        body: nightImage(product, version, chip),
      });
  }

  async round(boards: readonly NightBoard[]): Promise<void> {
    for (const board of boards) await this.checkIn(board);
  }

  async checkIn(board: NightBoard, state: 'trial' | 'confirmed' = 'confirmed') {
    const { nowMs } = this.#server.clock;
    const wave = Math.sin(nowMs / 9_000_000 + this.#seedOf(board));
    const leak = board.version === '1.4.0' ? 5_000 : 0;
    return this.#server.checkIn(board.mac, board.version, {
      product: board.product,
      chip: board.chip,
      slot_bytes: 0x14_0000,
      boot: { state, reason: board.reason, uptime_s: Math.round((nowMs - board.bootedMs) / 1000) },
      free_heap_bytes: Math.round(176_000 + wave * 6_000 - leak),
      largest_block_bytes: Math.round(98_000 + wave * 3_000),
      rssi_dbm: Math.round(-58 + wave * 6 - this.#seedOf(board)),
      library: 'OtterOTA 0.1.0',
    });
  }

  /** Takes what it is offered, or with a cause comes back from it. */
  async update(board: NightBoard, cause?: string): Promise<void> {
    const { version } = board;
    const answer = await this.checkIn(board);
    if (answer.assignment_id === undefined || answer.manifest === undefined) return;
    const report = async (sequence: number, status: string) =>
      this.#server.device('report-status', {
        mac: board.mac,
        assignment_id: answer.assignment_id,
        sequence,
        status,
      });
    await report(1, 'downloading');
    await report(2, 'installing');
    Object.assign(board, { version: answer.manifest.version, bootedMs: this.#server.clock.nowMs, reason: 'software' });
    await this.checkIn(board, 'trial');
    this.#server.clock.advance(4);
    if (cause !== undefined) Object.assign(board, { version, bootedMs: this.#server.clock.nowMs, reason: cause });
    await this.checkIn(board);
  }

  #newMac(): string {
    this.#made += 1;
    const hex = (this.#made * 7_919).toString(16).padStart(6, '0').slice(-6);
    return `34:85:18:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4, 6)}`;
  }

  #seedOf({ mac }: NightBoard): number {
    return Number.parseInt(mac.slice(-2), 16) / 32;
  }
}

const NOTES: Readonly<Record<string, string>> = {
  '1.4.0': 'The display sleeps at night. Less traffic. A leak in the MQTT client is gone.',
  '2.1.0': 'Wind in knots.',
};

export function nightImage(product: string, version: string, chip: Chip): Buffer {
  return buildEspImage({ chipId: CHIPS[chip], descriptor: { version }, marker: { product, version } });
}
