// The real server of the demo, as a child process in a temporary home, and the operator's hands on it: the real command
// line, and the admin API to see where every device is. Leaves nothing behind after `stop`.

import { type ChildProcess, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { Assignment, Device } from '#protocol/admin/devices.ts';
import { Rollout } from '#protocol/admin/rollouts.ts';
import { Event } from '#protocol/admin/events.ts';
import { adminRoutes } from '#protocol/admin/routes.ts';
import { parsePin, type Pin, PinnedAgent, requestPinned } from '#protocol/pinned-https.ts';

const OTTER = fileURLToPath(new URL('../../bin/otter.mjs', import.meta.url));
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 12_000;
const LOG_TAIL_CHARS = 2_000;

/** Why the demo cannot go on, for the person who watches. */
export class DemoFailure extends Error {}

/** Where one device is, as the server knows it; `state` is that of its latest assignment. */
export interface Whereabouts {
  readonly mac: string;
  readonly version: string;
  readonly state: Assignment['state'] | undefined;
}

/** The parts of a page that the demo reads. */
const DevicePage = Type.Object({ items: Type.Array(Type.Pick(Device, ['mac', 'current_version'])) });
const CrashPage = Type.Object({ items: Type.Array(Type.Pick(Event, ['mac'])) });
const RolloutStatus = Type.Pick(Rollout, ['status']);
const AssignmentPage = Type.Object({
  items: Type.Array(Type.Pick(Assignment, ['mac', 'state', 'rollout', 'outcome'])),
});

export class DemoServer {
  readonly folder: string;
  readonly url: URL;
  readonly pin: Pin;
  readonly fleetToken: string;
  readonly #adminToken: string;
  readonly #agent: PinnedAgent;
  readonly #child: ChildProcess;
  readonly #signal: AbortSignal;

  private constructor(
    child: ChildProcess,
    home: { readonly folder: string; readonly url: URL; readonly pin: Pin; readonly tokens: Tokens },
    signal: AbortSignal,
  ) {
    this.folder = home.folder;
    this.url = home.url;
    this.pin = home.pin;
    this.fleetToken = home.tokens.fleet;
    this.#adminToken = home.tokens.admin;
    this.#agent = new PinnedAgent(home.pin);
    this.#child = child;
    this.#signal = signal;
  }

  /** Starts a server with a new home and waits until it is ready. Throws DemoFailure with the end of its log. */
  static async start(signal: AbortSignal): Promise<DemoServer> {
    const folder = await mkdtemp(path.join(tmpdir(), 'otter-demo-'));
    const port = await findFreePort();
    const environment = { ...cleanEnvironment(), OTTER_HOME: folder, OTTER_PORT: String(port) };
    const log = await open(path.join(folder, 'server.log'), 'w');
    const child = spawn(process.execPath, [OTTER, 'start', '--no-pretty'], {
      env: environment,
      stdio: ['ignore', log.fd, log.fd],
    });
    await log.close();
    try {
      const url = new URL(`https://127.0.0.1:${port}`);
      const home = await waitUntilReady(child, folder, url, signal);
      return new DemoServer(child, { folder, url, ...home }, signal);
    } catch (error) {
      const tail = (await readFile(path.join(folder, 'server.log'), 'utf8')).slice(-LOG_TAIL_CHARS);
      await endChild(child);
      await rm(folder, { recursive: true, force: true });
      if (error instanceof DemoFailure) throw new DemoFailure(`${error.message}; the end of its log:\n${tail}`);
      throw error;
    }
  }

  /** Runs one `otter` command as an operator on the server's machine; answers what it printed. Throws DemoFailure. */
  async otter(args: readonly string[], options: { readonly color?: boolean } = {}): Promise<string> {
    const child = spawn(process.execPath, [OTTER, ...args], {
      cwd: this.folder,
      env: {
        ...cleanEnvironment(),
        OTTER_HOME: this.folder,
        OTTER_PORT: this.url.port,
        ...(options.color === true ? { FORCE_COLOR: '1' } : {}),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: this.#signal,
    });
    const printed = { out: '', err: '' };
    child.stdout.on('data', (text) => (printed.out += String(text)));
    child.stderr.on('data', (text) => (printed.err += String(text)));
    const [exitCode] = await once(child, 'close');
    if (exitCode === 0) return printed.out;
    throw new DemoFailure(`\`otter ${args.join(' ')}\` ended with ${exitCode}:\n${printed.err}${printed.out}`);
  }

  /** What became of each board that this rollout has given its build to, ways back left out. */
  async boardsUnder(rollout: string): Promise<readonly Pick<Assignment, 'mac' | 'state' | 'outcome'>[]> {
    return (await this.#assignments()).filter((one) => one.rollout === rollout && one.outcome !== null);
  }

  /** Asks the admin API where every device is; sorted by MAC. At most 500 devices and assignments: the demo has 25. */
  async whereabouts(): Promise<readonly Whereabouts[]> {
    const devices = Value.Parse(DevicePage, await this.#get(`${adminRoutes.listDevices.path}?limit=500&sort=mac`));
    const assignments = await this.#assignments();
    return devices.items.map(({ mac, current_version: version }) => ({
      mac,
      version,
      state: assignments.find((one) => one.mac === mac)?.state,
    }));
  }

  /** How many boards confirmed the build of a rollout and crashed on it, whatever they run now. */
  async countCrashing(rollout: string): Promise<number> {
    const query = `?limit=500&rollout=${rollout}&type=assignment.crashing`;
    const { items } = Value.Parse(CrashPage, await this.#get(`${adminRoutes.listEvents.path}${query}`));
    return new Set(items.map(({ mac }) => mac)).size;
  }

  /** Asks the admin API how a rollout stands. */
  async rollout(name: string): Promise<{ readonly status: string }> {
    return Value.Parse(RolloutStatus, await this.#get(adminRoutes.getRollout.path.replace(':name', name)));
  }

  /** Stops the server as Ctrl-C does and removes its home. */
  async stop(): Promise<void> {
    this.#agent.destroy();
    await endChild(this.#child);
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The latest first. */
  async #assignments() {
    const page = await this.#get(`${adminRoutes.listAssignments.path}?limit=500&sort=-id`);
    return Value.Parse(AssignmentPage, page).items;
  }

  async #get(pathAndQuery: string): Promise<unknown> {
    const answer = await requestPinned({
      method: 'GET',
      url: new URL(pathAndQuery, this.url),
      agent: this.#agent,
      headers: { authorization: `Bearer ${this.#adminToken}` },
      signal: this.#signal,
    }).catch((error: unknown) => {
      throw new DemoFailure(`the server does not answer: ${error instanceof Error ? error.message : String(error)}`);
    });
    const text = answer.body.toString();
    if (answer.status !== 200) throw new DemoFailure(`GET ${pathAndQuery} answered ${answer.status}: ${text}`);
    return JSON.parse(text);
  }
}

interface Tokens {
  readonly fleet: string;
  readonly admin: string;
}

/** Pin and tokens, read from the home as `npm start` tells where they are, once `/readyz` answers over the pinned TLS. */
async function waitUntilReady(
  child: ChildProcess,
  folder: string,
  url: URL,
  signal: AbortSignal,
): Promise<{ readonly pin: Pin; readonly tokens: Tokens }> {
  const endsAtMs = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < endsAtMs) {
    if (child.exitCode !== null) throw new DemoFailure(`the server ended with exit code ${child.exitCode}`);
    const pin = await readPinOf(path.join(folder, 'data/certs/server.crt'));
    if (pin !== undefined && (await isReady(url, pin, signal))) {
      const read = async (scope: string): Promise<string> =>
        (await readFile(path.join(folder, `data/tokens/${scope}.token`), 'utf8')).trim();
      return { pin, tokens: { fleet: await read('fleet'), admin: await read('admin') } };
    }
    await delay(100, undefined, { signal });
  }
  throw new DemoFailure(`the server was not ready after ${START_TIMEOUT_MS / 1000} s`);
}

async function isReady(url: URL, pin: Pin, signal: AbortSignal): Promise<boolean> {
  const agent = new PinnedAgent(pin, { keepAlive: false });
  try {
    const answer = await requestPinned({ method: 'GET', url: new URL('/readyz', url), agent, signal });
    return answer.status === 200;
  } catch {
    signal.throwIfAborted();
    return false;
  } finally {
    agent.destroy();
  }
}

/** The SHA-256 of the certificate itself; undefined while there is none yet. */
async function readPinOf(certificateFile: string): Promise<Pin | undefined> {
  const pem = await readFile(certificateFile, 'utf8').catch(() => '');
  return pem === '' ? undefined : parsePin(new X509Certificate(pem).fingerprint256);
}

/** The person's own OTTER_ settings must not lead the demo to a real server. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OTTER_')));
}

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (typeof address === 'object' && address !== null) return address.port;
  throw new Error('a listening TCP server has no port');
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(killer);
}
