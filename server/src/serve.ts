// The process around a server: what it says at the start, how it stops, how it exits. `otter start` and `otter serve` are
// this.

import { join } from 'node:path';
import { type DestinationStream, type Logger, pino } from 'pino';
import { OtterError } from '#protocol/errors.ts';
import { localHosts } from '#server/certs/self-signed.ts';
import { readCertificate } from '#server/certs/certificate.ts';
import { ConfigError } from '#server/config/yaml/problem.ts';
import { type RunningServer, startServer } from './main.ts';

export interface ServeOptions {
  readonly home: string;
  readonly port?: number;
  /** As `ServerOptions` has it. */
  readonly takesOverFiles?: boolean;
  /** Log for people instead of JSON lines. */
  readonly pretty: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What running requests get when the server is asked to stop. */
const STOP_GRACE_MS = 10_000;

/** How long a log line may stay in memory. */
const LOG_FLUSH_MS = 1_000;

/** Log lines are written this many bytes at a time under load: each write wakes a thread. Below what pino writes at once (16 KiB). */
const LOG_BUFFER_BYTES = 15_360;

/** Log lines that cannot be written are kept up to this many bytes, then dropped: a full disk must not fill the memory too. */
const LOG_BACKLOG_BYTES = 4 * 1024 * 1024;

/** `EX_CONFIG` of sysexits.h: do not start me again before somebody changed something. */
const EXIT_REFUSED = 78;

/** What shells give a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

/** Runs until SIGINT, SIGTERM or SIGHUP; resolves with the exit code. */
export async function serve(options: ServeOptions): Promise<number> {
  const output = options.pretty ? await prettyOutput() : lineOutput();
  let log: Logger | undefined;
  try {
    const server = await startServer({
      home: options.home,
      env: options.env,
      ...(options.port === undefined ? {} : { port: options.port }),
      takesOverFiles: options.takesOverFiles ?? false,
      log: (level) => (log = pino({ level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime }, output.stream)),
    });
    const stop = untilSignal();
    announce(server, options, log);
    const signal = await stop;
    log?.info({ signal }, 'stopping: running downloads get 10 s');
    await server.close(STOP_GRACE_MS);
    log?.info('stopped');
    return 0;
  } catch (error) {
    if (!(error instanceof OtterError)) throw error;
    process.stderr.write(error instanceof ConfigError ? `${error.message}\n` : `${error.message}\n  ${error.hint}\n`);
    return EXIT_REFUSED;
  } finally {
    await output.flush();
  }
}

/**
 * A second SIGINT or SIGTERM ends the process at once. A hang-up is no sign of impatience: where a terminal is closed, its
 * shell and the kernel both send one, and npm's end may add a SIGTERM.
 */
async function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isAsked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (isAsked) process.exit(EXIT_INTERRUPTED);
      isAsked = true;
      resolve(signal);
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', resolve);
  });
}

/** Everything that a person needs next. Programs get the same as one log line. */
function announce(server: RunningServer, options: ServeOptions, log: Logger | undefined): void {
  const { config, port } = server;
  const certificate = readCertificate(config.certificate.certPem);
  const url = `https://localhost:${port}`;
  log?.info(
    {
      url,
      host: config.host,
      certificate_sha256: certificate.fingerprint256,
      spki_pin: `spki:${certificate.spkiPin}`,
      home: config.home,
    },
    'listening',
  );
  for (const warning of server.warnings) log?.warn(warning);
  const at = config.home === process.cwd() ? '' : ` --home ${config.home}`;
  const addresses = localHosts().filter((host) => /^[0-9.]+$/.test(host) && !host.startsWith('127.'));
  const text = `
Otter is ready at ${url}${addresses.length === 0 ? '' : `  (for boards: ${addresses.map((address) => `https://${address}:${port}`).join('  ')})`}

  certificate  ${certificate.fingerprint256}  (SHA-256)
  pin          spki:${certificate.spkiPin}
  fleet token  ${join(config.home, 'data/tokens/fleet.token')}  (for boards)
  admin token  ${join(config.home, 'data/tokens/admin.token')}  (for operators; on this machine the command line finds it)

Next, in another terminal:
  npx otter status${at}
  npx otter firmware add firmware.bin --version 1.0.0${at}
  npx otter simulate --devices 10${at}

`;
  (options.pretty ? process.stdout : process.stderr).write(text);
}

interface LogOutput {
  readonly stream: DestinationStream;
  /** Never rejects: what cannot be written by now is lost. */
  readonly flush: () => Promise<void>;
}

/** Buffered: a write per request would cost more than the request. Lost at most: the last second, and only on a crash. */
function lineOutput(): LogOutput {
  const stream = pino.destination({ sync: false, minLength: LOG_BUFFER_BYTES, maxLength: LOG_BACKLOG_BYTES });
  // A disk that is full or a terminal that is gone is no reason to end; the lines are tried again.
  stream.on('error', () => undefined);
  setInterval(() => stream.flush(), LOG_FLUSH_MS).unref();
  return {
    stream,
    flush: async () => {
      await new Promise<void>((resolve) => stream.flush(() => resolve()));
      // pino calls it when the process ends, and it tries for ever where the output takes nothing.
      stream.flushSync = () => undefined;
    },
  };
}

async function prettyOutput(): Promise<LogOutput> {
  const { default: pretty } = await import('pino-pretty');
  const destination = pino.destination({ sync: true });
  destination.on('error', () => undefined);
  const stream = pretty({
    destination,
    ignore: 'request_id',
    translateTime: 'SYS:HH:MM:ss',
    colorize: process.stdout.isTTY,
  });
  return { stream, flush: async () => undefined };
}
