// The server as people run it: `otter start` as a child process with the real clock, in a home of its own, on a free port.
// For tests of what only a process has: signals, exit codes, kill -9, memory, a second one on the same home.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { readCertificate } from '#server/certs/certificate.ts';
import type { HttpsAnswer } from '#protocol/pinned-https.ts';
import { initHome } from '#server/home/init.ts';
import { OTTER } from '../otter-command.ts';
import { type ServerAccess, ServerClient } from './client.ts';
import { Secrets } from './secrets.ts';

/** A start takes a second; the machine may be busy. */
const START_TIMEOUT_MS = 120_000;

export interface ProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Default: `start` with the port chosen by the system. */
  readonly args?: readonly string[];
  /** It may have found out already what is wrong: it is not asked whether it is ready. */
  readonly mayBeUnready?: true;
  /** A program that starts it, with its arguments, such as one that mounts something first. */
  readonly through?: readonly string[];
}

export interface Exit {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running `otter`, ready or not. */
export class OtterProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  stdout = '';
  stderr = '';

  constructor(home: string, options: ProcessOptions) {
    const [program = '', ...before] = [...(options.through ?? []), ...OTTER];
    const args = options.args ?? ['start', '--port', '0', '--no-pretty'];
    this.child = spawn(program, [...before, ...args, '--home', home], {
      env: { PATH: process.env['PATH'] ?? '', HOME: home, OTTER_HOST: '127.0.0.1', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.exited = once(this.child, 'close').then(() => ({
      code: this.child.exitCode,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  /** Sends the signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<Exit> {
    this.child.kill(signal);
    return this.exited;
  }

  /** Files and sockets that the process holds open (Linux). */
  async countOpenFiles(): Promise<number> {
    return (await readdir(`/proc/${this.child.pid}/fd`)).length;
  }

  /** Resident memory of the process (Linux). */
  async readMemoryBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }
}

export class ServerProcess extends ServerClient {
  readonly home: string;
  readonly process: OtterProcess;
  readonly #secrets: Secrets;

  constructor(home: string, running: OtterProcess, access: ServerAccess & { readonly privateKey: string }) {
    super(access);
    this.home = home;
    this.process = running;
    this.#secrets = Secrets.of(access);
  }

  override async fetch(...[method, path, options]: Parameters<ServerClient['fetch']>): Promise<HttpsAnswer> {
    this.#secrets.addSent(options?.token, options?.body);
    const answer = await super.fetch(method, path, options);
    this.#secrets.expectNotInAnswer(path, answer.body);
    return answer;
  }

  /** Of what it has printed and logged so far. */
  expectNoSecretTold(): void {
    this.#secrets.expectNotIn('what it printed', this.process.stdout + this.process.stderr);
  }

  async expectNoSecretStored(databaseUrl: string): Promise<void> {
    await this.#secrets.expectNotInDatabase({ home: this.home, databaseUrl });
  }

  async kill9(): Promise<void> {
    await this.process.end('SIGKILL');
    this.agent.destroy();
  }

  async stop(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' = 'SIGTERM'): Promise<Exit> {
    this.agent.destroy();
    return this.process.end(signal);
  }
}

/** A home that is removed when the test ends. */
export async function newHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'otter-process-'));
  onTestFinished(async () => rm(home, { recursive: true, force: true }));
  await initHome(home, { nowMs: Date.now() });
  return home;
}

/** Starts `otter` in this home and does not wait; killed at the end of the test if it is still there. */
export function runOtterProcess(home: string, options: ProcessOptions = {}): OtterProcess {
  const running = new OtterProcess(home, options);
  onTestFinished(async () => void (await running.end('SIGKILL')));
  return running;
}

/** Resolves when the server listens and says that it is ready. Rejects with what it said where it ends instead. */
export async function startServerProcess(home: string, options: ProcessOptions = {}): Promise<ServerProcess> {
  const running = runOtterProcess(home, options);
  const read = async (path: string): Promise<string> => (await readFile(join(home, 'data', path), 'utf8')).trim();
  const port = await announcedPort(running);
  const server = new ServerProcess(home, running, {
    url: new URL(`https://127.0.0.1:${port}`),
    pin: { kind: 'spki', sha256: readCertificate(await read('certs/server.crt')).spkiPin },
    fleetToken: await read('tokens/fleet.token'),
    adminToken: await read('tokens/admin.token'),
    privateKey: await read('certs/server.key'),
  });
  onTestFinished(() => server.expectNoSecretTold());
  if (options.mayBeUnready === true) return server;
  const { status } = await server.json('GET', '/readyz');
  if (status !== 200) throw new Error(`/readyz answered ${status}`);
  return server;
}

/** From what it prints for people: the port file may be that of a process that was killed. */
async function announcedPort(running: OtterProcess): Promise<string> {
  const giveUpAt = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const port = /ready at https:\/\/localhost:(\d+)/.exec(running.stderr)?.[1];
    if (port !== undefined) return port;
    if (running.child.exitCode !== null || performance.now() > giveUpAt)
      throw new Error(`the server did not start (exit code ${running.child.exitCode}):\n${running.stderr}`);
    await delay(20);
  }
}
