import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createToken, findTokenWeakness } from '#server/config/tokens.ts';
import { loadConfig } from '#server/config/config.ts';
import { addToServerYml, changeServerYml, load, newHome, NOW_MS, problemsOf, put } from './new-home.ts';

const SPARE_TOKEN = 'otf_k7Jq2mVx9TzR4wLb8NcY5pHs3FgD6eabcdeKLMN';

const DAY_MS = 86_400_000;

test('a new home starts without a warning, with paths made absolute', async () => {
  const home = await newHome();
  const { config, warnings } = load(home);
  expect(warnings).toEqual([]);
  expect(config).toMatchObject({
    home,
    host: '0.0.0.0',
    port: 8_443,
    database: { kind: 'sqlite', file: join(home, 'data/otter.db') },
    storageRoot: join(home, 'data/firmware'),
    schedules: [],
    poll: { intervalS: 600, jitterPct: 10 },
    limits: { maxImageBytes: 4_089_446, maxConnections: 5_000, maxDownloads: 1_500, perAddress: 200 },
    retention: {
      eventsMs: 90 * DAY_MS,
      auditMs: 730 * DAY_MS,
      assignmentsMs: 365 * DAY_MS,
      telemetryMs: 30 * DAY_MS,
      presenceMs: 90 * DAY_MS,
    },
  });
  expect(config.tokens.fleet).toMatch(/^otf_[A-Za-z0-9_-]{43}$/);
  expect(config.tokens.admin).toMatch(/^ota_[A-Za-z0-9_-]{43}$/);
});

test('what is kept has limits of its own, and may be kept for ever', async () => {
  const home = await newHome();
  addToServerYml(home, 'retention: {events: 7d, audit: forever}');
  expect(load(home).config.retention).toEqual({
    eventsMs: 7 * DAY_MS,
    auditMs: Number.POSITIVE_INFINITY,
    assignmentsMs: 365 * DAY_MS,
    telemetryMs: 30 * DAY_MS,
    presenceMs: 90 * DAY_MS,
  });
});

test('a limit of less than a day, or of words, is refused with what to write', async () => {
  const home = await newHome();
  addToServerYml(home, 'retention: {events: 12h, audit: always, firmware: 1d}');
  expect(() => load(home)).toThrow(
    /retention\.events: wants a duration from 1d, or forever.* found "12h"; use at least 1d/,
  );
  expect(() => load(home)).toThrow(/retention\.audit: wants a duration .* found "always"/);
});

test('the template says the true defaults: with every commented key switched on, nothing changes', async () => {
  const home = await newHome();
  const before = load(home);
  const text = readFileSync(join(home, 'config/server.yml'), 'utf8')
    .replaceAll(/^#(?! )/gm, '')
    .replaceAll(/^#(?=  )/gm, '');
  put(home, 'config/server.yml', text);
  expect(text).toMatch(/^ {2}interval: 10m$/m);
  expect(load(home)).toEqual(before);
});

test('the schedule template is valid with its examples switched on', async () => {
  const home = await newHome();
  const text = readFileSync(join(home, 'config/schedules.yaml'), 'utf8');
  const [explanation, examples = ''] = text.split('\nschedules:\n');
  put(home, 'config/schedules.yaml', `${explanation}\nschedules:\n${examples.replaceAll(/^#/gm, '')}`);
  expect(load(home).config.schedules.map(({ name, action }) => [name, action])).toEqual([
    ['night-window', 'window'],
    ['start-on-monday', 'start'],
    ['everybody-on-christmas-eve', 'promote'],
  ]);
});

test('the plan template is valid with its example switched on', async () => {
  const home = await newHome();
  const text = readFileSync(join(home, 'config/plans.yaml'), 'utf8');
  const [explanation, examples = ''] = text.split('\nplans:\n');
  put(home, 'config/plans.yaml', `${explanation}\nplans:\n${examples.replaceAll(/^#/gm, '')}`);
  expect(load(home).config.plans.map(({ name, stages }) => [name, stages.length])).toEqual([['by-halves', 3]]);
});

describe('where a value comes from', () => {
  test('the command line wins over the environment, that over .env, that over server.yml', async () => {
    const home = await newHome();
    addToServerYml(home, 'port: 1001\nhost: 10.0.0.1\nlog: {level: debug}');
    expect(load(home).config).toMatchObject({ port: 1_001, host: '10.0.0.1', logLevel: 'debug' });
    put(home, '.env', 'OTTER_PORT=1002\nexport OTTER_HOST="10.0.0.2"\n');
    expect(load(home).config).toMatchObject({ port: 1_002, host: '10.0.0.2', logLevel: 'debug' });
    expect(load(home, { OTTER_PORT: '1003' }).config).toMatchObject({ port: 1_003, host: '10.0.0.2' });
    expect(loadConfig({ home, env: { OTTER_PORT: '1003' }, port: 0, nowMs: NOW_MS }).config.port).toBe(0);
  });

  test('every variable reaches its key', async () => {
    const home = await newHome();
    const { config, warnings } = load(home, {
      OTTER_DATABASE: 'postgres://otter:k7Jq2mVx9@db/otter',
      OTTER_STORAGE_ROOT: 'data',
      OTTER_FLEET_TOKEN: SPARE_TOKEN,
      OTTER_ADMIN_TOKEN: `${SPARE_TOKEN}x`,
      OTTER_LOG_LEVEL: 'warn',
      OTTER_POLL_INTERVAL: '1h',
    });
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      database: { kind: 'postgres', url: 'postgres://otter:k7Jq2mVx9@db/otter' },
      storageRoot: join(home, 'data'),
      tokens: { fleet: SPARE_TOKEN, admin: `${SPARE_TOKEN}x` },
      logLevel: 'warn',
      poll: { intervalS: 3_600 },
    });
  });

  test('an empty variable counts as not set', async () => {
    const home = await newHome();
    expect(load(home, { OTTER_PORT: '', OTTER_FLEET_TOKEN: '' }).config.port).toBe(8_443);
  });

  test('a problem of .env names its line', async () => {
    const home = await newHome();
    put(home, '.env', '# first\nOTTER_PORT=99999\n');
    expect(problemsOf(home)).toMatchObject([{ file: join(home, '.env'), line: 2, key: 'OTTER_PORT' }]);
  });

  test('a variable does not hide that the section around it is wrong', async () => {
    const home = await newHome();
    addToServerYml(home, 'poll: often');
    expect(problemsOf(home, { OTTER_POLL_INTERVAL: '1h' })).toMatchObject([{ line: expect.any(Number) }]);
  });

  test('a token may stand in server.yml, and a section without values counts as not written', async () => {
    const home = await newHome();
    changeServerYml(home, '{ file: data/tokens/fleet.token }', `{ value: ${SPARE_TOKEN} }`);
    addToServerYml(home, 'poll:\nlimits:\n  max_downloads:');
    expect(load(home).config.tokens.fleet).toBe(SPARE_TOKEN);
  });
});

test('what YAML cannot hold is refused without an end of the stack', async () => {
  const home = await newHome();
  for (const text of ['['.repeat(100_000), '- '.repeat(50_000), '{a: '.repeat(50_000)]) {
    put(home, 'config/server.yml', text);
    expect(problemsOf(home)).toMatchObject([{ line: 1, message: 'this is nested too deeply' }]);
  }
  put(home, 'config/server.yml', new Uint8Array([0x61, 0x3a, 0x20, 0xff]));
  expect(problemsOf(home)).toMatchObject([{ message: 'is not UTF-8 text' }]);
});

test('a problem cannot move the cursor of a terminal', async () => {
  const home = await newHome();
  addToServerYml(home, String.raw`"\e[2Jport": "\e[2J"`);
  expect(() => load(home)).toThrow(/server\.yml:\d+:1: \u{FFFD}\[2Jport: unknown key/u);
});

test('a fresh token is strong and never comes twice', () => {
  const tokens = Array.from({ length: 1_000 }, () => createToken('fleet'));
  expect(new Set(tokens).size).toBe(1_000);
  expect(tokens.filter((token) => findTokenWeakness(token) !== undefined)).toEqual([]);
});
