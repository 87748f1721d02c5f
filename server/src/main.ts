// Builds the parts of a server, runs them, closes them. The only file that knows all of them; `serve.ts` adds what a
// process needs around it.

import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { OtterError } from '#protocol/errors.ts';
import { finishRestore } from '#server/backup/switch.ts';
import { buildApp } from '#server/http/app.ts';
import { closePorts } from '#server/http/closing.ts';
import { listenPlain, type PlainHttp } from '#server/http/front/plain-http.ts';
import { type Config, loadConfig } from '#server/config/config.ts';
import type { Environment } from '#server/config/environment.ts';
import { formatProblem } from '#server/config/yaml/problem.ts';
import { loadScheduleFile } from '#server/config/schedule-file.ts';
import type { Database } from '#server/db/database.ts';
import { openPostgres } from '#server/db/postgres.ts';
import { openSqlite } from '#server/db/sqlite.ts';
import { freeSpaceOf } from '#server/disk/free-space.ts';
import { type Scheduler, type ScheduleSource, startScheduler } from '#server/jobs/scheduler.ts';
import { startWebhooks } from '#server/jobs/webhooks.ts';
import { Absences } from '#server/service/time/absences.ts';
import { readUnreadImages } from '#server/service/firmware/unread-images.ts';
import { Catalog } from '#server/service/firmware/catalog.ts';
import { findStoreProblem } from '#server/service/firmware/image-checks.ts';
import type { ImageDeps } from '#server/service/firmware/image-deps.ts';
import { ImageUpkeep } from '#server/service/firmware/image-upkeep.ts';
import type { Deps } from '#server/service/deps.ts';
import type { Settings } from '#server/service/settings.ts';
import { BoardProblems } from '#server/service/fleet/board-problems.ts';
import { digestOf } from '#server/service/access/sessions.ts';
import { Credentials } from '#server/service/access/credentials.ts';
import { TicketKeys } from '#server/service/access/ticket-keys.ts';
import { KnownTokens } from '#server/service/identity/known-tokens.ts';
import { BoardRates } from '#server/service/device/board-rates.ts';
import { NewBoards } from '#server/service/identity/new-boards.ts';
import { Readiness, type ReadinessOptions } from '#server/service/fleet/readiness.ts';
import { sharePlanFile } from '#server/service/rollouts/plans.ts';
import { SharedFiles, type SharedFilesOptions } from '#server/service/schedules/shared-files.ts';
import { EndedCounts } from '#server/service/rollouts/ended-counts.ts';
import { LostBoards } from '#server/service/gates/lost-boards.ts';
import { OtherBoards } from '#server/service/gates/other-boards.ts';
import { PresenceBuffer } from '#server/service/device/presence.ts';
import { sortDevices } from '#server/service/groups/dynamic-labels.ts';
import { VersionCensus } from '#server/service/history/version-census.ts';
import { Regrouping } from '#server/service/groups/regrouping.ts';
import { Retention } from '#server/service/retention/retention.ts';
import { WaitingBoards } from '#server/service/gates/waiting-boards.ts';
import { type DataLock, lockStorage } from '#server/disk/data-locks.ts';
import { explainDiskError, findWriteFault } from '#server/disk/write-proof.ts';
import { removePort, writePort } from '#server/home/port-file.ts';
import { readCertificate } from '#server/certs/certificate.ts';
import { openBlobStore } from '#server/storage/blob-store.ts';
import { openStoreFolders, type StoreFolders } from '#server/storage/store-folders.ts';
import { credentialFactsOf, settingsOf } from './from-config.ts';
import { explainListen, explainPlain, portOf } from './listening.ts';
import { SERVER_VERSION } from './version.ts';

export interface ServerOptions {
  readonly home: string;
  readonly env: Environment;
  readonly port?: number;
  /** Whether schedules.yaml and plans.yaml of this home replace those of the other servers of its database. */
  readonly takesOverFiles?: boolean;
  /** Made from the configured level. */
  readonly log: (level: string) => Logger;
  /** UTC milliseconds; the clock of the machine unless a test brings its own. */
  readonly clock?: () => number;
  /** Milliseconds that nobody can set; follows `clock` where a test brings that one alone: time then really passes. */
  readonly steadyClock?: () => number;
}

export interface RunningServer {
  readonly config: Config;
  readonly warnings: readonly string[];
  /** The port that is listened on, also where 0 asked for a free one. */
  readonly port: number;
  /** Runs now the schedules that are due and tells webhooks what is new, without waiting for the timers of either. */
  readonly tick: () => Promise<void>;
  /** Ends new connections, gives running requests `graceMs`, then closes everything in order. */
  readonly close: (graceMs: number) => Promise<void>;
}

/** Resolves when the server takes requests. Throws `ConfigError`, or `start_refused`; then nothing is left open. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  await finishRestore(options.home);
  const { config, warnings } = loadConfig({
    home: options.home,
    env: options.env,
    ...(options.port === undefined ? {} : { port: options.port }),
  });
  const clock = options.clock ?? Date.now;
  const steadyClock = options.steadyClock ?? options.clock ?? (() => performance.now());
  const log = options.log(config.logLevel);
  const folders = await openFolders(config.storageRoot);
  const store = openBlobStore(folders);
  const database = await openDatabase(config, log);
  const storageLock = await lockImages(config, database, log);
  const address = { port: config.port };
  const settings = settingsOf(config, () => address.port);
  const deps = depsOf({ config, settings, options, database, store, folders, log, clock, steadyClock });
  const scheduler = await prepare(deps, { config, clock, log }).catch(async (error: unknown) => {
    await database.close();
    storageLock.release();
    throw error;
  });
  const webhooks = startWebhooks(deps, clock);
  const startedAtMs = clock();
  const app = await buildApp({
    deps,
    tls: tlsOf(config),
    tokens: config.tokens,
    proxies: config.proxies.trusted,
    speakProxyProtocol: config.proxies.speakProxyProtocol,
    maxConnections: config.limits.maxConnections,
    perAddress: config.limits.perAddress,
    server: () => ({
      version: SERVER_VERSION,
      startedAtMs,
      port: portOf(app.server.address(), config.port),
      warnings: [...warnings, ...scheduler.problems()],
      disk: async () => freeSpaceOf(config.storageRoot),
    }),
    clock,
  });
  let plain: PlainHttp | undefined;
  const close = async (graceMs: number): Promise<void> => {
    await closePorts(app, plain, graceMs);
    await Promise.all([scheduler.stop(), webhooks.stop()]);
    await deps.presence.close();
    await deps.absences.stop();
    await deps.images.stop();
    await database.close();
    storageLock.release();
  };
  try {
    await app.listen({ host: config.host, port: config.port });
    plain = await openPlain(app, config, log);
  } catch (error) {
    await close(0);
    throw explainListen(error, config);
  }
  const port = portOf(app.server.address(), config.port);
  address.port = port;
  leavePort(config.home, port, log);
  return {
    config,
    warnings,
    port,
    tick: async () => {
      await scheduler.tick();
      await webhooks.run();
    },
    close: async (graceMs) => {
      forgetPort(config.home, port, log);
      await close(graceMs);
    },
  };
}

interface Parts extends Pick<Deps, 'database' | 'store' | 'folders' | 'log'> {
  readonly config: Config;
  readonly settings: Settings;
  readonly options: ServerOptions;
  readonly clock: () => number;
  readonly steadyClock: () => number;
}

function depsOf({ config, settings, options, database, store, folders, log, clock, steadyClock }: Parts): Deps {
  const catalog = new Catalog(database);
  const absences = new Absences({ database, log, clock, steadyClock });
  const watching = { database, catalog, settings, absences };
  const images = { database, catalog, store, folders, log };
  return {
    ...watching,
    ...images,
    presence: new PresenceBuffer(database, log, async (trx, ids) => sortDevices(watching, trx, ids, clock())),
    regrouping: new Regrouping(watching),
    census: new VersionCensus(watching),
    images: new ImageUpkeep({ ...images, steadyClock }),
    random: Math.random,
    waiting: new WaitingBoards(watching),
    lost: new LostBoards(watching),
    others: new OtherBoards(watching),
    ended: new EndedCounts(),
    retention: new Retention(watching),
    boardProblems: new BoardProblems(),
    newBoards: new NewBoards(settings),
    boardRates: new BoardRates(() => performance.now()),
    knownTokens: new KnownTokens(database),
    ticketKeys: new TicketKeys(database, log, settings.board.spkiPin),
    credentials: new Credentials(database, log, credentialFactsOf(config)),
    adminTokenDigest: digestOf(config.tokens.admin),
    sharedFiles: new SharedFiles({ database, clock, ...sharingOf(config, options) }),
    readiness: new Readiness({ checks: checksOf(images, config), log, steadyClock: () => performance.now() }),
  };
}

function tlsOf({ certificate: { certPem, keyPem } }: Config) {
  return { cert: certPem, key: keyPem, isSignedByOthers: readCertificate(certPem).issuer !== undefined };
}

type App = Awaited<ReturnType<typeof buildApp>>;

async function openPlain(app: App, config: Config, log: Logger): Promise<PlainHttp | undefined> {
  const { plainHttp: address, trusted } = config.proxies;
  if (address === undefined) return undefined;
  const at = address.kind === 'port' ? `${address.host}:${address.port}` : address.path;
  try {
    const plain = await listenPlain(app, address, { proxies: trusted, maxConnections: config.limits.maxConnections });
    log.info({ at }, 'listening without TLS, for a proxy on this machine');
    return plain;
  } catch (error) {
    throw explainPlain(error, at);
  }
}

/** All that must be done before anybody may ask. */
async function prepare(
  deps: Deps,
  { config, clock, log }: { readonly config: Config; readonly clock: () => number; readonly log: Logger },
): Promise<Scheduler> {
  await deps.sharedFiles.start();
  await sharePlanFile(deps, clock());
  // Boards report as soon as somebody listens: by then it is known for how long nobody did.
  await deps.absences.start();
  await deps.images.start();
  await deps.ticketKeys.tick(clock());
  await deps.credentials.tick(clock());
  await readUnreadImages(deps);
  return startScheduler({ deps, file: config.scheduleFile, read: scheduleSource(config), clock, log });
}

/** Throws `start_refused` where the folder cannot be used as it is. */
async function openFolders(root: string): Promise<StoreFolders> {
  try {
    return await openStoreFolders(root);
  } catch (error) {
    const fault = explainDiskError(error, `the folder of images ${root}`);
    throw fault === undefined ? error : new OtterError('start_refused', fault.message, fault.hint, { cause: error });
  }
}

/** By what name the other servers of the database know this one, and whether its files are to replace theirs. */
function sharingOf(
  { home }: Config,
  { takesOverFiles = false }: ServerOptions,
): Pick<SharedFilesOptions, 'server' | 'takesOver'> {
  return { server: `${hostname()}:${home}`, takesOver: takesOverFiles };
}

/** What /readyz proves. Whatever else a server needs to do its work is one more line here. */
function checksOf(deps: ImageDeps, { storageRoot }: Config): ReadinessOptions['checks'] {
  return {
    database: async () => {
      await deps.database.check();
      return undefined;
    },
    'disk of the images': async () => findWriteFault(storageRoot, 'the disk of the images'),
    images: async () => findStoreProblem(deps),
  };
}

async function openDatabase({ database, home }: Config, log: Logger): Promise<Database> {
  if (database.kind === 'sqlite') return openSqlite(database.file, { home, onNote: (note) => log.warn(note) });
  return openPostgres(database.url, { onWait: (message) => log.warn(message) });
}

async function lockImages({ storageRoot, home }: Config, database: Database, log: Logger): Promise<DataLock> {
  const { identity: owner, dialect } = database;
  try {
    return lockStorage(storageRoot, {
      home,
      owner,
      isShared: dialect === 'postgres',
      onNote: (note) => log.warn(note),
    });
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** The command line does without the file: it then asks at the configured port. */
function leavePort(home: string, port: number, log: Logger): void {
  try {
    writePort(home, port);
  } catch (error) {
    log.warn({ err: error }, 'the port could not be left for the command line; give it --server');
  }
}

/** What is left behind leads to a refused connection at worst, so a disk that takes no changes keeps no server from stopping. */
function forgetPort(home: string, port: number, log: Logger): void {
  try {
    removePort(home, port);
  } catch (error) {
    log.warn({ err: error }, 'the port file could not be removed');
  }
}

function scheduleSource(config: Config): ScheduleSource {
  return () => {
    const found = loadScheduleFile(config.scheduleFile);
    return found.ok ? { ok: true, specs: found.schedules } : { ok: false, problems: found.problems.map(formatProblem) };
  };
}
