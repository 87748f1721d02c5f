import { afterEach, describe, expect, test } from 'vitest';
import type { FleetSnapshot } from '#simulator/fleet.ts';
import { simulate, type SimulateOptions } from '#simulator/simulate.ts';
import { FLEET_TOKEN, NOTHING_NEW, offerOf, type ScriptedServer, startScriptedServer } from './scripted-server.ts';

const IMAGE = Buffer.alloc(20_000, 7);
let server: ScriptedServer | undefined;

afterEach(() => server?.close());

/** A server that offers 1.1.0 to everyone on 1.0.0 who did not leave it, and the options of a fleet of 40 for it. */
async function prepare(change: Partial<SimulateOptions>): Promise<SimulateOptions> {
  server = await startScriptedServer({
    image: IMAGE,
    checkIn: ({ current_version, boot }) =>
      current_version === '1.0.0' && boot?.rolled_back_from === undefined ? offerOf(IMAGE) : NOTHING_NEW,
  });
  return {
    server: server.url,
    pin: server.pin,
    fleetToken: FLEET_TOKEN,
    devices: 40,
    product: 'thermostat',
    version: '1.0.0',
    chip: 'esp32',
    failTrial: 0,
    silent: 0,
    slow: 0,
    brokenDownload: 0,
    lostReport: 0,
    labels: [],
    seed: 7,
    pollIntervalS: 0.2,
    // Longer than any of them takes, on a busy machine too: they are ended.
    durationS: 300,
    onProgress: () => undefined,
    signal: new AbortController().signal,
    ...change,
  };
}

describe('a simulated fleet', () => {
  test('installs what it is offered, and ends when it is interrupted', async () => {
    const interrupt = new AbortController();
    const options = await prepare({
      signal: interrupt.signal,
      onProgress: ({ byVersion }) => {
        if (byVersion['1.1.0'] === 40) interrupt.abort();
      },
    });
    const last = await simulate(options);
    expect(last).toMatchObject({ total: 40, byVersion: { '1.1.0': 40 }, errors: 0, lastError: undefined });
    // What was on its way when it ended still arrives.
    await new Promise((later) => setTimeout(later, 300));
    const polls = server?.checkIns.length;
    await new Promise((later) => setTimeout(later, 600));
    expect(server?.checkIns).toHaveLength(polls ?? -1);
  });

  test('meets the same fates again with the same seed, whatever the order of the polls', async () => {
    const play = async (): Promise<FleetSnapshot['byState']> => {
      const interrupt = new AbortController();
      const options = await prepare({
        failTrial: 0.3,
        silent: 0.2,
        signal: interrupt.signal,
        onProgress: ({ byState }) => {
          if ((byState['idle'] ?? 0) + (byState['rolled_back'] ?? 0) + (byState['silent'] ?? 0) === 40)
            interrupt.abort();
        },
      });
      const { byState } = await simulate(options);
      await server?.close();
      return byState;
    };
    const first = await play();
    expect(first['rolled_back']).toBeGreaterThan(0);
    expect(first['silent']).toBeGreaterThan(0);
    expect(await play()).toEqual(first);
  });

  test('has builds that are bad on a share of it', async () => {
    const interrupt = new AbortController();
    const options = await prepare({
      faults: [{ kind: 'bricks', share: 0.5 }],
      signal: interrupt.signal,
      onProgress: ({ byState, byVersion }) => {
        if ((byState['silent'] ?? 0) + (byVersion['1.1.0'] ?? 0) === 40) interrupt.abort();
      },
    });
    const { byState, byVersion } = await simulate(options);
    expect(byState['silent']).toBeGreaterThan(8);
    expect(byVersion).toEqual({ '1.0.0': byState['silent'], '1.1.0': 40 - (byState['silent'] ?? 0) });
  });

  test('says once which devices have which label, after all have checked in', async () => {
    const calls: { readonly pilots: readonly string[]; readonly seen: number }[] = [];
    const enough = new AbortController();
    const options = await prepare({
      labels: [{ label: 'pilot', share: 0.1 }],
      signal: enough.signal,
      // Every device polls several times more after the call: a second one would be seen.
      onProgress: ({ polls }) => {
        if (calls.length > 0 && polls > 200) enough.abort();
      },
      onReady: (macsByLabel) => {
        const seen = new Set(server?.checkIns.map(({ mac }) => mac)).size;
        calls.push({ pilots: macsByLabel.get('pilot') ?? [], seen });
        return Promise.resolve();
      },
    });
    await simulate(options);
    expect(calls).toHaveLength(1);
    expect(calls[0]?.pilots).toHaveLength(4);
    expect(calls[0]?.seen).toBe(40);
  });

  test('tells the person with a wrong token what is wrong', async () => {
    const interrupt = new AbortController();
    const onProgress = ({ errors }: FleetSnapshot): void => {
      if (errors > 0) interrupt.abort();
    };
    const last = await simulate(await prepare({ fleetToken: 'wrong', signal: interrupt.signal, onProgress }));
    expect(last.errors).toBe(last.polls);
    expect(last.errors).toBeGreaterThan(0);
    expect(last.lastError).toContain('auth: status 401');
  });

  test('ends with the error of a failed labelling', async () => {
    const options = await prepare({ onReady: () => Promise.reject(new Error('no such label')) });
    await expect(simulate(options)).rejects.toThrow('no such label');
  });
});
