// One board of `otter-device` before a server that breaks something: what is broken, what the board calls it, and how it ends. Whatever happens, the
// build that runs goes on running, the board asks again, and what it found stands at the real server where there is an attempt to tell of.

import { expect } from 'vitest';
import type { Offer } from '#protocol/device/api.ts';
import type { DeviceErrorName } from '#protocol/device/errors.ts';
import { makeCertificate, NOTHING_NEW } from '../../simulator/scripted-server.ts';
import { sizeOf } from '../../support/scope.ts';
import type { TestServer } from '../../support/server/server.ts';
import { newKey } from '../../support/signing.ts';
import { Bench, finalReportsOf, type OnTestFinished, SPEED, startServerForBoards } from './bench.ts';
import { type Certificate, type Door, type Exchange, type Fault, FaultProxy, headOf } from './fault-proxy.ts';
import type { OtterDevice } from './otter-device.ts';

export const IMAGE_BYTES = 96 * 1024;
/** What a server may get rid of before it notices that a board has hung up: pieces on their way. */
export const UNNOTICED_BYTES = 64 * 1024;

/** That of the boards which know one. */
export const trustedKey = newKey();

/** What a board meets, what it calls that, and how it ends. */
export interface Ordeal {
  readonly faults?: FaultProxy['faults'];
  readonly door?: () => Door;
  /** Options of the board. */
  readonly args?: readonly string[];
  readonly speed?: number;
  readonly error: DeviceErrorName;
  /**
   * `asks again`: the next check-in is as if nothing had happened. `updates`: once the fault is gone, the update goes on.
   * Otherwise the state that the server knows, with the error.
   */
  readonly ends: 'asks again' | 'updates' | 'rejected' | 'failed';
}

export interface Endured {
  readonly bench: Bench;
  readonly proxy: FaultProxy;
  readonly device: OtterDevice;
}

/** Of the same kind; the library's own tests have all of them. */
const MOST_AT_ONCE = sizeOf({ push: 2, whole: Number.POSITIVE_INFINITY });

/** A real server, and what stands between it and the boards of a file. */
export class Ordeals {
  readonly server: TestServer;
  readonly certificate: Certificate;

  private constructor(server: TestServer, certificate: Certificate) {
    this.server = server;
    this.certificate = certificate;
  }

  static async start(): Promise<Ordeals> {
    return new Ordeals(await startServerForBoards(), await makeCertificate());
  }

  async end(): Promise<void> {
    await this.server.end();
  }

  /** Between a board and the server: relays until it is told what to break. */
  async proxy(onTestFinished: OnTestFinished): Promise<FaultProxy> {
    return FaultProxy.start(this.server, this.certificate, onTestFinished);
  }

  /** One board through one ordeal. */
  async endure(onTestFinished: OnTestFinished, ordeal: Ordeal): Promise<Endured> {
    const { server, certificate } = this;
    const proxy = await FaultProxy.start(server, certificate, onTestFinished);
    const bench = new Bench(server, onTestFinished);
    // A board that knows a key is offered only what it signed; what arrives is another matter.
    if (ordeal.args?.includes('--release-key') === true) await bench.trust(trustedKey);
    await bench.offer('1.1.0', { sizeBytes: IMAGE_BYTES });
    proxy.faults = ordeal.faults ?? {};
    proxy.door = ordeal.door?.() ?? proxy.door;
    const device = await bench.board({ at: proxy, args: ordeal.args ?? [], speed: ordeal.speed ?? SPEED });
    await device.waitFor(['failed', 'rejected', 'download_interrupted'], {
      where: ({ error }) => error === ordeal.error,
    });
    expectAsBefore(device);
    proxy.heal();
    if (ordeal.ends === 'asks again') proxy.faults.check = async (exchange) => exchange.sendJson(NOTHING_NEW);
    proxy.door = { kind: 'open', certificate };
    const checkIns = proxy.checkIns.length;
    if (ordeal.ends === 'updates') {
      await device.waitFor('confirmed');
      await bench.knowsUpdated('1.1.0');
      expect(device.eventsOf('boot')).toHaveLength(2);
      return { bench, proxy, device };
    }
    if (ordeal.ends !== 'asks again') {
      await bench.knows({ state: ordeal.ends, error_code: ordeal.error }, { current_version: '1.0.0' });
      expect(await finalReportsOf(server, bench.mac)).toEqual([[ordeal.ends]]);
    }
    await proxy.seen(checkIns + 1);
    await device.waitFor('checked');
    expect(proxy.checkIns.at(-1)).toMatchObject({ current_version: '1.0.0', boot: { state: 'confirmed' } });
    expectAsBefore(device);
    return { bench, proxy, device };
  }

  /** Several ordeals at once, each with its own board; says which of them failed. */
  async endureAll(
    onTestFinished: OnTestFinished,
    ordeals: Readonly<Record<string, Ordeal>>,
  ): Promise<readonly Endured[]> {
    return Promise.all(
      Object.entries(ordeals)
        .slice(0, MOST_AT_ONCE)
        .map(async ([name, ordeal]) =>
          this.endure(onTestFinished, ordeal).catch((cause: unknown) => {
            throw new Error(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
          }),
        ),
    );
  }
}

/** The build that was flashed by cable runs, and nothing was installed. */
export function expectAsBefore(device: OtterDevice): void {
  expect(device.isRunning).toBe(true);
  expect(device.eventsOf('boot')).toMatchObject([{ slot: 0, version: '1.0.0' }]);
  expect(device.names()).not.toContain('installing');
}

/** The same fault for every check-in (or download) until it is gone. */
export const onCheck = (fault: Fault): Pick<Ordeal, 'faults'> => ({ faults: { check: fault } });
export const onImage = (fault: Fault): Pick<Ordeal, 'faults'> => ({ faults: { image: fault } });

/** Answers a check-in with this text. */
export const says = (change: (answer: string) => string | Buffer): Fault => {
  return async (exchange) => {
    const { status, headers, body } = await exchange.ask();
    await exchange.send({ status, headers, body: Buffer.from(change(body.toString())) });
  };
};

/** Changes the manifest of the real offer; what is no offer is relayed. */
export const offers = (change: (manifest: Offer['manifest']) => object): Fault =>
  says((text) => {
    const answer = JSON.parse(text) as Offer | { readonly update_available: false };
    return JSON.stringify(answer.update_available ? { ...answer, manifest: change(answer.manifest) } : answer);
  });

/** Sends these bytes as they are, and closes. */
export const sends = (bytes: string | Buffer): Fault => {
  return async (exchange) => {
    await exchange.write(bytes);
    exchange.end();
  };
};

/** Sends pieces until the board hangs up, and notes how many bytes that took. */
export function endless(
  head: string,
  piece: string | Buffer,
  count: number,
): { readonly fault: Fault; sentBytes: number } {
  const dribbled = {
    sentBytes: 0,
    fault: async (exchange: Exchange): Promise<void> => {
      await exchange.write(head);
      await exchange.dribble(repeat(piece, count), 2);
      dribbled.sentBytes = Math.max(dribbled.sentBytes, exchange.sentBytes);
      exchange.end();
    },
  };
  return dribbled;
}

function* repeat(piece: string | Buffer, count: number): Generator<string | Buffer> {
  for (let index = 0; index < count; index += 1) yield piece;
}

/** The real image with one change. */
export const changesImage = (change: (image: Buffer) => Buffer): Fault => {
  return async (exchange) => {
    const { status, headers, body } = await exchange.ask();
    await exchange.send({ status, headers, body: change(Buffer.from(body)) });
  };
};

/** The real image under other headers. */
export const imageUnder = (head: (lengthBytes: number) => Readonly<Record<string, string>>, status = 200): Fault => {
  return async (exchange) => {
    const { headers, body } = await exchange.ask();
    await exchange.write(headOf(status, { ...headers, ...head(body.length) }));
    await exchange.write(body);
    exchange.end();
  };
};
