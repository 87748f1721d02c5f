// The process around a server: what it says at the start, how it stops, how it exits. `otter start` and `otter serve` are
// this.

import { type Logger, pino } from 'pino';
import { OtterError } from '#protocol/errors.ts';
import { readCertificate } from '#server/certs/certificate.ts';
import { bannerOf, formatBanner } from '#server/home/banner.ts';
import { ConfigError } from '#server/config/yaml/problem.ts';
import { lineOutput, prettyOutput } from './log-output.ts';
import { type RunningServer, startServer } from './main.ts';

export interface ServeOptions {
  readonly home: string;
  readonly port?: number;
  /** As `ServerOptions` has it. */
  readonly takesOverFiles?: boolean;
  /** Log for people instead of JSON lines. */
  readonly pretty: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What refuses the start is thrown, for whoever says it in a form of their own, instead of written to stderr. */
  readonly throwsRefusal: boolean;
  /** How a person types a command of these words for this home: see `formatBanner()`. */
  readonly typed: (words: string) => string;
}

/** What running requests get when the server is asked to stop. */
const STOP_GRACE_MS = 10_000;

/** `EX_CONFIG` of sysexits.h: do not start me again before somebody changed something. */
const EXIT_REFUSED = 78;

/** What shells give a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

/** Runs until SIGINT, SIGTERM or SIGHUP; resolves with the exit code. */
export async function serve(options: ServeOptions): Promise<number> {
  const output = options.pretty ? prettyOutput() : lineOutput();
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
    if (!(error instanceof OtterError) || options.throwsRefusal) throw error;
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
  const banner = bannerOf({ home: config.home, host: config.host, port, certificate });
  log?.info(
    {
      url: banner.url,
      host: config.host,
      certificate_sha256: banner.certificate_sha256,
      spki_pin: banner.pin,
      home: config.home,
    },
    'listening',
  );
  for (const warning of server.warnings) log?.warn(warning);
  const text = formatBanner(banner, options.typed);
  (options.pretty ? process.stdout : process.stderr).write(text);
}
