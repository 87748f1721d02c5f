// The keys of `config/server.yml`: what each wants, with an example. The template `config/server.example.yml` explains
// them to people; `config.ts` gives the defaults. Refinements hold the bounds, so that every key is judged on its own.

import { isIP } from 'node:net';
import { type Static, Type } from 'typebox';
import {
  DEFAULT_PER_ADDRESS,
  MAX_IMAGE_BYTES,
  MAX_POLL_INTERVAL_S,
  MIN_IMAGE_BYTES,
  MIN_POLL_INTERVAL_S,
} from '#protocol/limits.ts';
import { IDENTITY_MODES } from '#protocol/admin/states.ts';
import { GENERAL_LABEL, LABEL_PATTERN } from '#protocol/words.ts';
import { parseDatabase } from './database.ts';
import { BACKUP_KEYS } from './backup.ts';
import { PROXY_KEYS } from './proxies.ts';
import { RETENTION_KEYS } from './retention.ts';
import { NotifyValue } from './notify.ts';
import { WebhooksValue } from './webhooks.ts';
import {
  parseDurationS,
  parsePercent,
  parseSizeBytes,
  suggestDuration,
  suggestPercent,
  suggestSize,
} from '#server/config/yaml/units.ts';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const closed = { additionalProperties: false };
const HOSTNAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;

function filePath(example: string) {
  return Type.String({ minLength: 1, description: 'the path of a file', examples: [example] });
}

export const CertificateSection = Type.Object(
  { cert: filePath('data/certs/server.crt'), key: filePath('data/certs/server.key') },
  {
    ...closed,
    description: 'a section with cert and key',
    examples: ['{cert: data/certs/server.crt, key: data/certs/server.key}'],
  },
);

function tokenSection(scope: string) {
  const file = filePath(`data/tokens/${scope}.token`);
  const value = Type.String({ secret: true, description: 'the token as text, in quotes', examples: ['"..."'] });
  const example = `{file: data/tokens/${scope}.token}`;
  return Type.Refine(
    Type.Object(
      { file: Type.Optional(file), value: Type.Optional(value) },
      { ...closed, secret: true, description: 'a section with either file or value', examples: [example] },
    ),
    (found) => (found.file === undefined) !== (found.value === undefined),
    () => `write "${scope}: ${example}"`,
  );
}

export const FleetTokenSection = tokenSection('fleet');
export const AdminTokenSection = tokenSection('admin');

const TokensSection = Type.Object(
  { fleet: FleetTokenSection, admin: AdminTokenSection },
  {
    ...closed,
    secret: true,
    description: 'a section with fleet and admin',
    examples: ['{fleet: {file: data/tokens/fleet.token}, admin: {file: data/tokens/admin.token}}'],
  },
);

export const DatabaseValue = Type.Refine(
  Type.Unknown({
    secret: true,
    description: 'sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE',
    examples: ['sqlite:data/otter.db'],
  }),
  (value) => typeof value === 'string' && parseDatabase(value, '/') !== undefined,
  () => 'write "database: sqlite:data/otter.db"; in a password write @ as %40, / as %2F, # as %23, : as %3A',
);

export const StorageSection = Type.Object(
  { root: Type.String({ minLength: 1, description: 'the path of a folder', examples: ['data/firmware'] }) },
  { ...closed, description: 'a section with root', examples: ['{root: data/firmware}'] },
);

export const SchedulesValue = filePath('config/schedules.yaml');
export const PlansValue = filePath('config/plans.yaml');

const Interval = Type.Refine(
  Type.Unknown({
    description: `a duration from ${MIN_POLL_INTERVAL_S}s to ${MAX_POLL_INTERVAL_S / 3_600}h`,
    examples: ['10m'],
  }),
  (value) => isWithin(parseDurationS(value), MIN_POLL_INTERVAL_S, MAX_POLL_INTERVAL_S),
  (value) => (parseDurationS(value) === undefined ? suggestDuration(value) : 'write "interval: 10m"'),
);

const Jitter = Type.Refine(
  Type.Unknown({ description: 'a percentage from 0% to 50%', examples: ['10%'] }),
  (value) => isWithin(parsePercent(value), 0, 50),
  (value) => (parsePercent(value) === undefined ? suggestPercent(value) : 'write "jitter: 10%"'),
);

/** No upper bound here: a size above the constant is a warning, see `config.ts`. */
const MaxImage = Type.Refine(
  Type.Unknown({ description: `a size from ${MIN_IMAGE_BYTES} bytes to 3.9MiB (${MAX_IMAGE_BYTES})` }),
  (value) => isWithin(parseSizeBytes(value), MIN_IMAGE_BYTES, Number.MAX_SAFE_INTEGER),
  (value) => (parseSizeBytes(value) === undefined ? suggestSize(value) : 'write "max_image: 3.9MiB"'),
);

const HintName = Type.Refine(
  Type.String({
    pattern: LABEL_PATTERN,
    description: 'the name of a label, in lower case',
    examples: ['[pilot, lab]'],
  }),
  (name) => name !== GENERAL_LABEL,
  () => `${GENERAL_LABEL} means every device and is never added to one; leave it out`,
);

function count(example: number, most: number) {
  return Type.Integer({
    minimum: 1,
    maximum: most,
    description: `an integer from 1 to ${most}`,
    examples: [`${example}`],
  });
}

function section<const P extends Parameters<typeof Type.Object>[0]>(properties: P, example: string) {
  const description = `a section with some of ${Object.keys(properties).join(', ')}`;
  return Type.Optional(Type.Object(properties, { ...closed, description, examples: [example] }));
}

export const ServerYml = Type.Object(
  {
    host: Type.Optional(
      Type.Refine(
        Type.String({ description: 'an address or a host name', examples: ['0.0.0.0'] }),
        (host) => isIP(host) !== 0 || HOSTNAME.test(host),
        () => 'write "host: 0.0.0.0" for all addresses or "host: 127.0.0.1" for this machine only',
      ),
    ),
    port: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 65_535, description: 'an integer from 1 to 65535', examples: ['8443'] }),
    ),
    certificate: CertificateSection,
    tokens: TokensSection,
    database: DatabaseValue,
    storage: StorageSection,
    schedules: Type.Optional(SchedulesValue),
    plans: Type.Optional(PlansValue),
    poll: section({ interval: Type.Optional(Interval), jitter: Type.Optional(Jitter) }, '{interval: 10m, jitter: 10%}'),
    labels: section(
      {
        from_hints: Type.Optional(
          Type.Array(HintName, { maxItems: 100, description: 'a list of label names', examples: ['[pilot, lab]'] }),
        ),
      },
      '{from_hints: [pilot, lab]}',
    ),
    devices: section(
      {
        identity: Type.Optional(
          Type.Enum(IDENTITY_MODES, {
            description: `one of ${IDENTITY_MODES.join(', ')}`,
            examples: ['first-use'],
          }),
        ),
        new_per_hour: Type.Optional(count(10_000, 10_000_000)),
        max: Type.Optional(count(2_000_000, 10_000_000)),
      },
      '{identity: first-use, new_per_hour: 10000}',
    ),
    limits: section(
      {
        max_image: Type.Optional(MaxImage),
        max_connections: Type.Optional(count(5_000, 100_000)),
        max_downloads: Type.Optional(count(1_500, 100_000)),
        per_address: Type.Optional(count(DEFAULT_PER_ADDRESS, 100_000)),
      },
      '{max_downloads: 1500}',
    ),
    retention: section(RETENTION_KEYS, '{events: 90d, audit: forever}'),
    backup: section(BACKUP_KEYS, '{remind_after: 7d}'),
    webhooks: Type.Optional(WebhooksValue),
    notify: Type.Optional(NotifyValue),
    public_url: Type.Optional(
      Type.Refine(
        Type.String({
          description: 'the https:// address by which people reach this server',
          examples: ['https://ota.example.com'],
        }),
        isPublicUrl,
        () => 'write "public_url: https://HOST" or, with a port, "public_url: https://HOST:8443"',
      ),
    ),
    ...PROXY_KEYS,
    log: section(
      {
        level: Type.Optional(
          Type.Enum(LOG_LEVELS, { description: `one of ${LOG_LEVELS.join(', ')}`, examples: ['info'] }),
        ),
      },
      '{level: info}',
    ),
  },
  { ...closed, description: 'keys and values' },
);
export type ServerYml = Static<typeof ServerYml>;

/** Fails closed: an unreadable number is not within anything. */
function isWithin(value: number | undefined, least: number, most: number): boolean {
  return value !== undefined && value >= least && value <= most;
}

function isPublicUrl(text: string): boolean {
  if (!text.startsWith('https://') || !URL.canParse(text)) return false;
  const url = new URL(text);
  return url.username === '' && url.password === '' && url.pathname === '/' && url.search === '' && url.hash === '';
}
