// What a person can get wrong in the configuration, row by row (the ids are stable names of the rows), with real files.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MAX_IMAGE_BYTES } from '#protocol/limits.ts';
import { maskDatabaseUrl } from '#server/config/database.ts';
import { findNetworkFileSystem } from '#server/config/folder.ts';
import { ConfigError, formatProblem } from '#server/config/yaml/problem.ts';
import { initHome } from '#server/home/init.ts';
import { issue } from '../certs/issue.ts';
import { addToServerYml, changeServerYml, load, newFolder, newHome, NOW_MS, problemsOf, put } from './new-home.ts';

type Row = {
  readonly id: string;
  readonly input: string;
  readonly spoil: (home: string) => unknown;
  readonly env?: Readonly<Record<string, string>>;
  /** One for each problem, in the order of the lines; a start must report exactly these. */
  readonly expected: readonly RegExp[];
};

/** A server.yml whose lines can be counted. */
const SHORT = `certificate: { cert: data/certs/server.crt, key: data/certs/server.key }
tokens: { fleet: { file: data/tokens/fleet.token }, admin: { file: data/tokens/admin.token } }
database: sqlite:data/otter.db
storage:
  root: data/firmware
`;
const FRESH_TOKEN = 'ot[fa]_[A-Za-z0-9_-]{43}$';

const ROWS: readonly Row[] = [
  {
    id: 'E1',
    input: 'file missing',
    spoil: (home) => rmSync(join(home, 'config/server.yml')),
    expected: [/config\/server\.yml: does not exist; run `otter init`/],
  },
  {
    id: 'E2',
    input: 'a folder in place of the file',
    spoil: (home) => {
      rmSync(join(home, 'config/server.yml'));
      mkdirSync(join(home, 'config/server.yml'));
    },
    expected: [/server\.yml: is not a file/],
  },
  {
    id: 'E3',
    input: 'empty file',
    spoil: (home) => put(home, 'config/server.yml', ''),
    expected: [
      /:1:1: certificate: is required/,
      /: tokens: is required/,
      /: database: is required and missing; add "database: sqlite:data\/otter\.db"/,
      /: storage: is required/,
    ],
  },
  {
    id: 'E5',
    input: 'unknown key databse',
    spoil: (home) => put(home, 'config/server.yml', SHORT.replace('database', 'databse')),
    expected: [/:1:1: database: is required/, /:3:1: databse: unknown key; did you mean database\?/],
  },
  {
    id: 'E6',
    input: 'duplicate key',
    spoil: (home) => put(home, 'config/server.yml', `port: 1\n${SHORT}port: 2\n`),
    expected: [/:7:1: port: the key is there twice, in line 1 and in line 7/],
  },
  {
    id: 'E7',
    input: 'port: abc',
    spoil: (home) => put(home, 'config/server.yml', `${SHORT}port: abc\n`),
    expected: [/:6:1: port: wants an integer from 1 to 65535, found "abc"; write "port: 8443"/],
  },
  {
    id: 'E11',
    input: 'certificate missing',
    spoil: (home) => rmSync(join(home, 'data/certs/server.crt')),
    expected: [/: certificate\.cert: .*server\.crt does not exist; run `otter init`/],
  },
  {
    id: 'E14',
    input: 'RSA-1024 certificate',
    spoil: async (home) => putPair(home, await issue({ key: 1_024 })),
    expected: [/certificate\.cert: .* has a key of the kind RSA 1024; use EC P-256/],
  },
  {
    id: 'E14',
    input: 'SHA-1 certificate, EC',
    spoil: async (home) => putPair(home, await issue({ key: 'P-256', hash: 'SHA-1' })),
    expected: [/certificate\.cert: .* is signed with SHA-1/],
  },
  {
    id: 'E14',
    input: 'SHA-1 certificate, RSA',
    spoil: async (home) => putPair(home, await issue({ key: 2_048, hash: 'SHA-1' })),
    expected: [/certificate\.cert: .* is signed with SHA-1/],
  },
  {
    id: 'E14',
    input: 'a curve that boards do not speak',
    spoil: async (home) => putPair(home, await issue({ key: 'P-521' })),
    expected: [/certificate\.cert: .* has a key of the kind EC secp521r1/],
  },
  {
    id: 'E14',
    input: 'not a certificate',
    spoil: (home) => put(home, 'data/certs/server.crt', 'hello'),
    expected: [/certificate\.cert: .* there is no certificate in PEM form/],
  },
  {
    id: 'E15',
    input: 'private key mode 0644',
    spoil: (home) => chmodSync(join(home, 'data/certs/server.key'), 0o644),
    expected: [/certificate\.key: .*server\.key can be read by other users; run chmod 600 /],
  },
  {
    id: 'E15',
    input: 'private key of another certificate',
    spoil: async (home) => put(home, 'data/certs/server.key', (await issue({ key: 'P-256' })).keyPem),
    expected: [/certificate\.key: .*server\.key does not belong to the certificate/],
  },
  {
    id: 'E15',
    input: 'token file mode 0640',
    spoil: (home) => chmodSync(join(home, 'data/tokens/fleet.token'), 0o640),
    expected: [/tokens\.fleet: .*fleet\.token can be read by other users; run chmod 600 /],
  },
  {
    id: 'E18',
    input: 'data folder missing',
    spoil: (home) => changeServerYml(home, 'root: data/firmware', 'root: elsewhere'),
    expected: [/storage\.root: the folder .*elsewhere does not exist/],
  },
  {
    id: 'E18',
    input: 'a file in place of the folder of the database',
    spoil: (home) => changeServerYml(home, 'sqlite:data/otter.db', 'sqlite:.env.example/otter.db'),
    expected: [/database: .*\.env\.example is not a folder/],
  },
  {
    id: 'E22',
    input: 'postgres URL that cannot be read',
    spoil: (home) => changeServerYml(home, 'sqlite:data/otter.db', '"postgres://otter:hun#ter2@db/otter"'),
    expected: [/database: wants sqlite:FILE or postgres:.* found a text \(not shown\); .* # as %23/],
  },
  {
    id: 'E26',
    input: 'token changeme',
    spoil: (home) => put(home, 'data/tokens/fleet.token', 'changeme\n'),
    expected: [new RegExp(`tokens\\.fleet: the token is a known sample; use this new one: ${FRESH_TOKEN}`)],
  },
  {
    id: 'E26',
    input: 'token shorter than 32',
    spoil: (home) => put(home, 'data/tokens/admin.token', 'k7Jq2mVx9TzR4wLb8NcY5pHs3FgD6ea'),
    expected: [new RegExp(`tokens\\.admin: the token has 31 characters, fewer than 32; .*${FRESH_TOKEN}`)],
  },
  {
    id: 'E26',
    input: 'token of one character',
    spoil: (home) => put(home, 'data/tokens/admin.token', 'x'.repeat(40)),
    expected: [new RegExp(`tokens\\.admin: the token repeats the same few characters; .*${FRESH_TOKEN}`)],
  },
  {
    id: 'E26',
    input: 'token with a space',
    spoil: (home) => put(home, 'data/tokens/admin.token', 'k7Jq2mVx9TzR4wLb8NcY5pHs3FgD6eab cd'),
    expected: [/tokens\.admin: the token has characters other than/],
  },
  {
    id: 'E26',
    input: 'both file and value',
    spoil: (home) =>
      changeServerYml(home, 'fleet.token }', 'fleet.token, value: "k7Jq2mVx9TzR4wLb8NcY5pHs3FgD6eabc" }'),
    expected: [/tokens\.fleet: wants a section with either file or value, found a section/],
  },
  {
    id: 'E27',
    input: 'fleet token = admin token',
    spoil: (home) => put(home, 'data/tokens/fleet.token', readFileSync(join(home, 'data/tokens/admin.token'))),
    expected: [new RegExp(`tokens\\.admin: is the same token as tokens\\.fleet; .*${FRESH_TOKEN}`)],
  },
  {
    id: 'E30',
    input: 'duration 5 minutes',
    spoil: (home) => addToServerYml(home, 'poll: {interval: 5 minutes}'),
    expected: [/poll\.interval: wants a duration from 30s to 24h, found "5 minutes"; use 5m/],
  },
  {
    id: 'E30',
    input: 'duration without a unit, and out of bounds',
    spoil: (home) => addToServerYml(home, 'poll:\n  interval: 600\n  jitter: 51%'),
    expected: [/found 600; use 600s/, /poll\.jitter: wants a percentage from 0% to 50%, found "51%"/],
  },
  {
    id: 'E30',
    input: 'interval of a second, by the environment',
    spoil: () => undefined,
    env: { OTTER_POLL_INTERVAL: '1s' },
    expected: [/^environment: OTTER_POLL_INTERVAL: wants a duration from 30s to 24h, found "1s"/],
  },
  {
    id: 'E31',
    input: 'size 16 XB',
    spoil: (home) => addToServerYml(home, 'limits: {max_image: 16 XB}'),
    expected: [/limits\.max_image: wants a size .* found "16 XB"; use bytes or one of KiB, MiB/],
  },
  {
    id: 'E34',
    input: 'unknown time zone',
    spoil: (home) => put(home, 'config/schedules.yaml', schedule({ timezone: 'Europe/Berln' }), 0o644),
    expected: [
      /schedules\.yaml:4:5: schedules\[0\]\.timezone: .* found "Europe\/Berln"; .* did you mean Europe\/Berlin\?/,
    ],
  },
  {
    id: 'E35',
    input: 'bad cron',
    spoil: (home) => put(home, 'config/schedules.yaml', schedule({ cron: '"99 2 * * *"' }), 0o644),
    expected: [/schedules\[0\]\.cron: .* found "99 2 \* \* \*"; it cannot be read: Invalid value for minute: 99/],
  },
  {
    id: 'E37',
    input: 'trust_proxy: true',
    spoil: (home) => addToServerYml(home, 'trust_proxy: true'),
    expected: [/trust_proxy: wants a list of the addresses of your proxies, found true/],
  },
  {
    id: 'E37',
    input: 'trust_proxy with everybody and with a name',
    spoil: (home) => addToServerYml(home, 'trust_proxy:\n  - 0.0.0.0/0\n  - proxy.local\n  - 10.0.0.0/33'),
    expected: [/trust_proxy\[0\]: .*list the addresses/, /trust_proxy\[1\]/, /trust_proxy\[2\]/],
  },
  {
    id: 'E38',
    input: 'tab as indentation',
    spoil: (home) => put(home, 'config/server.yml', SHORT.replace('  root', '\troot')),
    expected: [/server\.yml:5:1: a tab is used as indentation; use spaces/],
  },
  {
    id: 'E39',
    input: 'configuration of 10 MB',
    spoil: (home) => put(home, 'config/server.yml', '#'.repeat(10_000_000)),
    expected: [/server\.yml: has 10000000 bytes, more than the largest 1048576 \(1 MiB\)/],
  },
];

describe('a home that cannot start says what to do', () => {
  test.each(ROWS)('$id: $input', async ({ spoil, env = {}, expected }) => {
    const home = await newHome();
    await spoil(home);
    const lines = problemsOf(home, env).map(formatProblem);
    expect(lines).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(lines[index]).toMatch(pattern);
  });
});

test('all problems of all files come at once, as config_invalid, one in a line', async () => {
  const home = await newHome();
  addToServerYml(home, 'port: abc\nhots: x\npoll: {interval: 5 minutes}');
  put(home, 'data/tokens/fleet.token', 'changeme');
  put(home, 'config/schedules.yaml', schedule({ cron: '"x"' }));
  chmodSync(join(home, 'data/certs/server.key'), 0o644);
  const keys = problemsOf(home, { OTTER_LOG_LEVEL: 'loud' }).map(({ key }) => key);
  const expected = ['schedules[0].cron', 'certificate.key', 'tokens.fleet', 'port', 'hots', 'poll.interval'];
  expect(keys.toSorted()).toEqual([...expected, 'OTTER_LOG_LEVEL'].toSorted());
  let thrown: unknown;
  try {
    load(home);
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof ConfigError)) throw new Error('a ConfigError was expected');
  expect(thrown.code).toBe('config_invalid');
  expect(thrown.message.split('\n')).toHaveLength(expected.length);
});

describe('no message shows a secret', () => {
  const SECRET = 'Zq8mT2vKx';
  test.each([
    { name: 'a short token', spoil: (home: string) => put(home, 'data/tokens/fleet.token', SECRET) },
    { name: 'a token as a bare text', spoil: tokens(SECRET) },
    { name: 'a token as a bare key', spoil: tokens(`{${SECRET}: 1}`) },
    { name: 'a token as a list', spoil: tokens(`{value: [${SECRET}]}`) },
    { name: 'a token that YAML reads as an alias', spoil: tokens(`{value: *${SECRET}}`) },
    { name: 'a token that YAML reads as a tag', spoil: tokens(`{value: !${SECRET}}`) },
    { name: 'a token with a quote too many', spoil: tokens(`{value: "x" ${SECRET}}`) },
    { name: 'a database that is none', spoil: database(`mysql://u:${SECRET}@host/db`) },
    { name: 'a database without a name', spoil: database(`postgres://u:${SECRET}@host`) },
  ])('$name', async ({ spoil }) => {
    const home = await newHome();
    spoil(home);
    const text = problemsOf(home).map(formatProblem).join('\n');
    expect(text).not.toBe('');
    expect(text).not.toContain(SECRET);
  });

  test.each([
    ['postgres://otter:hunter2@db:5432/otter', 'postgres://otter:***@db:5432/otter'],
    ['postgres://db/otter?user=u&password=hunter2', 'postgres://db/otter?user=u&password=***'],
    ['postgres://otter:hun#ter2@db/otter', 'postgres://***'],
    ['sqlite:data/otter.db', 'sqlite:data/otter.db'],
  ])('E22: %s is shown as %s', (url, shown) => {
    expect(maskDatabaseUrl(url)).toBe(shown);
  });
});

describe('a home that starts with a warning', () => {
  test('E13: an expired certificate starts, since pins ignore dates', async () => {
    const home = await newHome();
    putPair(home, await issue({ key: 'P-256', notAfterMs: NOW_MS - 86_400_000 }));
    expect(load(home).warnings).toEqual([expect.stringMatching(/certificate\.cert: .* expired on 2026-11-22; /)]);
  });

  test('E29: an unknown variable is named with the one that was meant, in the environment and in .env', async () => {
    const home = await newHome();
    put(home, '.env', '# mine\nOTTER_PROT=1\nPATH=/x\n');
    const env = { OTTER_PRT: '1', OTTER_PIN: 'x', OTTER_LAUNCHER_NODE: 'x', OTTER_HOME: home };
    const { warnings } = load(home, env);
    expect(warnings).toEqual([
      expect.stringMatching(/\.env:2:1: OTTER_PROT: unknown variable; did you mean OTTER_PORT\?/),
      'environment: OTTER_PRT: unknown variable; did you mean OTTER_PORT?',
    ]);
  });

  test('E33: max_image above the largest partition is cut to the constant', async () => {
    const home = await newHome();
    addToServerYml(home, 'limits: {max_image: 16MiB}');
    const { config, warnings } = load(home);
    expect(config.limits.maxImageBytes).toBe(MAX_IMAGE_BYTES);
    expect(warnings).toEqual([expect.stringMatching(/limits\.max_image: 16777216 bytes is more than/)]);
  });

  test('a .env or server.yml with a secret that others can read', async () => {
    const home = await newHome();
    put(home, '.env', 'OTTER_DATABASE=postgres://u:k7Jq2mVx9@db/otter\n', 0o644);
    changeServerYml(home, 'sqlite:data/otter.db', 'postgres://u:k7Jq2mVx9@db/otter');
    chmodSync(join(home, 'config/server.yml'), 0o644);
    expect(load(home).warnings).toEqual([
      expect.stringMatching(/\.env: holds a secret and can be read by other users; run chmod 600 /),
      expect.stringMatching(/server\.yml: holds a secret/),
    ]);
  });
});

test('E38: a byte order mark and CRLF are accepted', async () => {
  const home = await newHome();
  put(home, 'config/server.yml', `\u{FEFF}${SHORT}port: 9000\n`.replaceAll('\n', '\r\n'));
  expect(load(home)).toMatchObject({ config: { port: 9_000 }, warnings: [] });
});

test.each([
  ['NFS', 0x6969],
  ['CIFS', 0xff534d42],
  ['CIFS', 0xff534d42 - 2 ** 32],
  [undefined, 0xef53],
])('E17: a file system of the type %s is told by its number %i', (name, type) => {
  expect(findNetworkFileSystem(type)).toBe(name);
});

// These two need a user to whom files can be closed; root can read and write everything, so it becomes nobody.
describe.skipIf(process.platform === 'win32')('as a user without rights', () => {
  test('E2: a server.yml that cannot be read', async () => {
    const home = await newHome();
    chmodSync(join(home, 'config/server.yml'), 0o000);
    expect(problemsWithoutRights(home)).toMatch(/server\.yml: cannot be read \(permission denied\); let the user/);
  });

  test('E18: data folders that cannot be written', async () => {
    const home = newFolder();
    await initHome(home, { nowMs: NOW_MS });
    chmodSync(join(home, 'data'), 0o555);
    chmodSync(join(home, 'data/firmware'), 0o555);
    chmodSync(join(home, 'config/server.yml'), 0o644);
    const text = problemsWithoutRights(home);
    expect(text).toMatch(/database: the folder .*data is not writable/);
    expect(text).toMatch(/storage\.root: the folder .*firmware is not writable/);
  });
});

function problemsWithoutRights(home: string): string {
  const script = `
    import { loadConfig } from '#server/config/config.ts';
    if (process.getuid() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534); }
    try { loadConfig({ home: process.argv[1], env: {} }); } catch (error) { console.log(error.message); }`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, home], {
    encoding: 'utf8',
    cwd: join(import.meta.dirname, '../..'),
  });
  return stdout + stderr;
}

function putPair(home: string, pair: { readonly certPem: string; readonly keyPem: string }): void {
  put(home, 'data/certs/server.crt', pair.certPem, 0o644);
  put(home, 'data/certs/server.key', pair.keyPem);
}

function schedule({ cron = '"0 2 * * *"', timezone = 'UTC' }): string {
  return `schedules:\n  - name: nightly\n    cron: ${cron}\n    timezone: ${timezone}\n    action: window\n    duration: 3h\n`;
}

function tokens(fleet: string) {
  return (home: string) => changeServerYml(home, '{ file: data/tokens/fleet.token }', fleet);
}

function database(value: string) {
  return (home: string) => changeServerYml(home, 'sqlite:data/otter.db', value);
}
