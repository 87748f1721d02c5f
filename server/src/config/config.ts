// The configuration of a server: `config/server.yml`, `config/schedules.yaml`, `config/plans.yaml`, `.env` and the
// environment of a home become one checked value. This folder is the only reader of configuration files and variables. It writes nothing,
// opens no database and no port. Every problem of all files is found in one go; a wrong value is never replaced by a
// default.

import { join, resolve } from 'node:path';
import { type Static, type TSchema, Type } from 'typebox';
import { Pointer, Value } from 'typebox/value';
import { DEFAULT_PER_ADDRESS, MAX_IMAGE_BYTES } from '#protocol/limits.ts';
import type { Plan } from '#protocol/admin/plan.ts';
import type { IdentityMode } from '#protocol/admin/states.ts';
import { type CertificateConfig, checkCertificate } from './certificate-files.ts';
import { checkDatabase, type DatabaseConfig } from './database.ts';
import { type Environment, overlay, readEnvironment } from './environment.ts';
import { checkFolder } from './folder.ts';
import { type Checked, ConfigError, formatProblem, type Problem, warningAt } from '#server/config/yaml/problem.ts';
import { isOpenToOthers } from '#server/config/yaml/read-file.ts';
import { loadPlanFile } from './plan-file.ts';
import type { ScheduleSpec } from '#server/values/schedule-spec.ts';
import { loadScheduleFile } from './schedule-file.ts';
import {
  AdminTokenSection,
  CertificateSection,
  DatabaseValue,
  FleetTokenSection,
  type LogLevel,
  PlansValue,
  SchedulesValue,
  ServerYml,
  StorageSection,
} from './server-schema.ts';
import { checkShape } from '#server/config/yaml/shape.ts';
import { checkTokens, type Tokens } from './tokens.ts';
import { parseDurationS, parsePercent, parseSizeBytes } from '#server/config/yaml/units.ts';
import { readRemindMs } from './backup.ts';
import { checkProxies, PROXY_KEYS, type ProxyConfig, readProxies } from './proxies.ts';
import { readRetention, type RetentionConfig } from './retention.ts';
import { checkNotify, NotifyValue, type RecipientConfig } from './notify.ts';
import { checkWebhooks, type WebhookConfig, WebhooksValue } from './webhooks.ts';
import { type KeyPath, readYamlDocument, type Source, type YamlDocument } from '#server/config/yaml/yaml-document.ts';

/** All paths are absolute. `tokens`, the secrets of `webhooks`, `certificate.keyPem` and `database.url` are secrets: never log them. */
export type Config = {
  readonly home: string;
  readonly host: string;
  readonly port: number;
  readonly certificate: CertificateConfig;
  readonly tokens: Tokens;
  readonly database: DatabaseConfig;
  readonly storageRoot: string;
  readonly scheduleFile: string;
  readonly schedules: readonly ScheduleSpec[];
  /** Those of the file; the ones that are built in are not among them. */
  readonly plans: readonly Plan[];
  readonly poll: { readonly intervalS: number; readonly jitterPct: number };
  /** Names of hints that become labels by themselves. */
  readonly labelsFromHints: readonly string[];
  readonly devices: { readonly identity: IdentityMode; readonly newPerHour: number; readonly most: number };
  readonly limits: {
    readonly maxImageBytes: number;
    readonly maxConnections: number;
    readonly maxDownloads: number;
    /** Requests, and new connections, of one address in a second. */
    readonly perAddress: number;
  };
  readonly retention: RetentionConfig;
  /** Undefined: nobody is reminded. */
  readonly backupRemindMs: number | undefined;
  readonly webhooks: readonly WebhookConfig[];
  readonly recipients: readonly RecipientConfig[];
  /** Where people reach this server; undefined: by its own address. */
  readonly publicUrl: URL | undefined;
  readonly proxies: ProxyConfig;
  readonly logLevel: LogLevel;
};

/** What holds where server.yml says nothing; `config/server.example.yml` shows the same values. */
const DEFAULT = {
  host: '0.0.0.0',
  port: 8443,
  schedules: 'config/schedules.yaml',
  plans: 'config/plans.yaml',
  intervalS: 600,
  jitterPct: 10,
  identity: 'first-use',
  newPerHour: 10_000,
  mostDevices: 2_000_000,
  maxConnections: 5_000,
  maxDownloads: 1_500,
  logLevel: 'info',
} as const;

/**
 * The checked configuration of `home` and one line for each warning. `port` is that of the command line and wins over
 * every other; 0 asks the system for a free one. `nowMs` judges the dates of the certificate.
 * @throws ConfigError with every problem found.
 */
export function loadConfig(options: {
  readonly home: string;
  readonly env: Environment;
  readonly port?: number;
  readonly nowMs?: number;
}): { readonly config: Config; readonly warnings: readonly string[] } {
  const home = resolve(options.home);
  const document = readYamlDocument(join(home, 'config', 'server.yml'));
  const environment = readEnvironment(home, options.env);
  const source = document.value === undefined ? document : overlay(document, environment.overrides);
  const parts = checkParts(source, home, options.nowMs ?? Date.now());
  const problems = [
    ...document.problems,
    ...environment.problems,
    ...(document.value === undefined ? [] : checkShape(ServerYml, source)),
    ...Object.values(parts).flatMap((part) => part.problems),
    ...(Value.Check(ProxyPart, source.value) ? checkProxies(source.value, source) : []),
    ...warnOfInlineSecrets(document),
    ...warnOfLargeImages(source),
  ].toSorted(byPlace);
  const errors = problems.filter(({ severity }) => severity === 'error');
  const config = errors.length > 0 ? undefined : build(source.value, home, parts, options.port);
  if (config === undefined) throw new ConfigError(errors);
  return { config, warnings: problems.map(formatProblem) };
}

/** Judged together where each of them is well-formed. */
const ProxyPart = Type.Object(PROXY_KEYS);

function byPlace(one: Problem, other: Problem): number {
  return one.file.localeCompare(other.file) || one.line - other.line || one.col - other.col;
}

type Parts = {
  readonly certificate: Checked<CertificateConfig>;
  readonly tokens: Checked<Tokens>;
  readonly database: Checked<DatabaseConfig>;
  readonly storage: Checked<string>;
  readonly schedules: Checked<{ readonly file: string; readonly specs: readonly ScheduleSpec[] }>;
  readonly plans: Checked<readonly Plan[]>;
  readonly webhooks: Checked<readonly WebhookConfig[]>;
  readonly recipients: Checked<readonly RecipientConfig[]>;
};

/** What the values point at. A part whose values have a wrong shape is left out here: `checkShape` speaks of it. */
function checkParts(source: Source, home: string, nowMs: number): Parts {
  const skipped = { value: undefined, problems: [] };
  const certificate = pick(CertificateSection, source, 'certificate');
  const tokens = {
    fleet: pick(FleetTokenSection, source, 'tokens', 'fleet'),
    admin: pick(AdminTokenSection, source, 'tokens', 'admin'),
  };
  const database = pick(DatabaseValue, source, 'database');
  const storage = pick(StorageSection, source, 'storage');
  const webhooks = pick(WebhooksValue, source, 'webhooks') ?? [];
  return {
    certificate: certificate === undefined ? skipped : checkCertificate(certificate, home, source, nowMs),
    tokens: checkTokens(tokens, home, source),
    database: typeof database === 'string' ? checkDatabase(database, home, source) : skipped,
    storage: storage === undefined ? skipped : checkStorage(resolve(home, storage.root), source),
    schedules: checkSchedules(resolve(home, pick(SchedulesValue, source, 'schedules') ?? DEFAULT.schedules)),
    plans: checkPlans(resolve(home, pick(PlansValue, source, 'plans') ?? DEFAULT.plans)),
    webhooks: checkWebhooks(webhooks, home, source),
    recipients: checkNotify(pick(NotifyValue, source, 'notify') ?? [], home, source),
  };
}

function pick<S extends TSchema>(schema: S, source: Source, ...path: KeyPath): Static<S> | undefined {
  const part = Pointer.Get(source.value ?? {}, `/${path.join('/')}`);
  return Value.Check(schema, part) ? part : undefined;
}

function checkStorage(root: string, source: Source): Checked<string> {
  return { value: root, problems: checkFolder(root, source.place(['storage', 'root']), { localDisk: false }) };
}

function checkSchedules(file: string): Parts['schedules'] {
  const result = loadScheduleFile(file);
  return result.ok
    ? { value: { file, specs: result.schedules }, problems: [] }
    : { value: undefined, problems: result.problems };
}

function checkPlans(file: string): Parts['plans'] {
  const result = loadPlanFile(file);
  return result.ok ? { value: result.plans, problems: [] } : { value: undefined, problems: result.problems };
}

function build(value: unknown, home: string, parts: Parts, port: number | undefined): Config | undefined {
  const { certificate, tokens, database, storage, schedules, plans, webhooks, recipients } = parts;
  if (!Value.Check(ServerYml, value)) return undefined;
  if (certificate.value === undefined || tokens.value === undefined || database.value === undefined) return undefined;
  if (storage.value === undefined || schedules.value === undefined || plans.value === undefined) return undefined;
  if (webhooks.value === undefined || recipients.value === undefined) return undefined;
  const { poll, limits, devices } = value;
  return {
    home,
    host: value.host ?? DEFAULT.host,
    port: port ?? value.port ?? DEFAULT.port,
    certificate: certificate.value,
    tokens: tokens.value,
    database: database.value,
    storageRoot: storage.value,
    scheduleFile: schedules.value.file,
    schedules: schedules.value.specs,
    plans: plans.value,
    poll: {
      intervalS: parseDurationS(poll?.interval) ?? DEFAULT.intervalS,
      jitterPct: parsePercent(poll?.jitter) ?? DEFAULT.jitterPct,
    },
    labelsFromHints: value.labels?.from_hints ?? [],
    devices: {
      identity: devices?.identity ?? DEFAULT.identity,
      newPerHour: devices?.new_per_hour ?? DEFAULT.newPerHour,
      most: devices?.max ?? DEFAULT.mostDevices,
    },
    limits: {
      maxImageBytes: Math.min(parseSizeBytes(limits?.max_image) ?? MAX_IMAGE_BYTES, MAX_IMAGE_BYTES),
      maxConnections: limits?.max_connections ?? DEFAULT.maxConnections,
      maxDownloads: limits?.max_downloads ?? DEFAULT.maxDownloads,
      perAddress: limits?.per_address ?? DEFAULT_PER_ADDRESS,
    },
    retention: readRetention(value.retention),
    backupRemindMs: readRemindMs(value.backup),
    webhooks: webhooks.value,
    recipients: recipients.value,
    publicUrl: value.public_url === undefined ? undefined : new URL(value.public_url),
    proxies: readProxies(value, home),
    logLevel: value.log?.level ?? DEFAULT.logLevel,
  };
}

/** A size above the constant would never fit a board, so the constant holds; nobody needs to be kept from starting. */
function warnOfLargeImages(source: Source): readonly Problem[] {
  const Limits = Type.Object({ limits: Type.Object({ max_image: Type.Unknown() }) });
  const bytes = Value.Check(Limits, source.value) ? parseSizeBytes(source.value.limits.max_image) : undefined;
  if (bytes === undefined || bytes <= MAX_IMAGE_BYTES) return [];
  const message = `${bytes} bytes is more than the largest partition for images; ${MAX_IMAGE_BYTES} (3.9MiB) is used`;
  return [warningAt(source.place(['limits', 'max_image']), message, 'write "max_image: 3.9MiB" or take the line out')];
}

/** Asks of server.yml what is asked of a token file, but only warns: a package may have made the file readable. */
function warnOfInlineSecrets(document: YamlDocument): readonly Problem[] {
  if (!isOpenToOthers(document.mode)) return [];
  const InlineToken = Type.Object({ value: Type.String() });
  const WithSecret = Type.Union([
    Type.Object({ tokens: Type.Object({ fleet: InlineToken }) }),
    Type.Object({ tokens: Type.Object({ admin: InlineToken }) }),
    Type.Object({ webhooks: Type.Unsafe({ type: 'array', contains: Type.Object({ secret: InlineToken }) }) }),
    ...['url', 'token', 'password'].map((key) =>
      Type.Object({ notify: Type.Unsafe({ type: 'array', contains: Type.Object({ [key]: InlineToken }) }) }),
    ),
    Type.Object({ database: Type.String({ pattern: '^postgres(ql)?://[^/@]*:[^/@]+@' }) }),
  ]);
  if (!Value.Check(WithSecret, document.value)) return [];
  const place = { ...document.place([]), line: 0 };
  return [warningAt(place, 'holds a secret and can be read by other users', `run chmod 600 ${place.file}`)];
}
