// How the command line trusts a server: pins, tokens, broken connections, over real TLS.

import type { IncomingMessage } from 'node:http';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OUTCOMES } from '#protocol/admin/states.ts';
import { runOtter, type SpawnOptions, spawnOtter } from '../support/otter-command.ts';
import { answerJson, type SmallServer, startSmallServer } from '../support/server/small-admin.ts';
import { hasScript, typeOnTerminal } from '../support/typed-command.ts';

let home: string;
let server: SmallServer;
const NO_LABELS = { items: [], next_cursor: null };

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'otter-cli-'));
  server = await startSmallServer((_request, response) => answerJson(response, 200, NO_LABELS));
});
afterEach(async () => {
  await server.stop();
  await rm(home, { recursive: true, force: true });
});

const knownServers = () => path.join(home, '.config', 'otter', 'known-servers.json');
const remember = async (pin: string) => {
  await mkdir(path.dirname(knownServers()), { recursive: true });
  await writeFile(knownServers(), JSON.stringify({ [server.url]: pin }), { mode: 0o600 });
};
const listLabels = async (...options: readonly string[]) =>
  runOtter(home, ['label', 'list', '--json', '--server', server.url, '--token', 'ota_test', ...options]);

describe('the first contact with a remote server', () => {
  test('D21: shows its pin and sends nothing where nobody can be asked', async () => {
    const run = await listLabels();
    expect(run.exitCode).toBe(2);
    const { error } = JSON.parse(run.stdout);
    expect(error.code).toBe('pin_needed');
    expect(error.message).toContain(server.pin);
    expect(error.hint).toContain(`--pin ${server.pin}`);
    expect(server.requests).toEqual([]);
  });

  test('with the right pin the request is sent, and nothing is remembered', async () => {
    const run = await listLabels('--pin', server.pin);
    expect(run.exitCode).toBe(0);
    expect(JSON.parse(run.stdout)).toEqual(NO_LABELS);
    expect(server.requests).toEqual(['GET /api/v1/admin/labels?limit=50']);
    await expect(stat(knownServers())).rejects.toThrow('ENOENT');
  });

  test('the pin as curl writes it is the same pin', async () => {
    const base64 = Buffer.from(server.pin.slice('spki:'.length), 'hex').toString('base64');
    expect(await listLabels('--pin', `sha256//${base64}`)).toMatchObject({ exitCode: 0 });
  });

  test.skipIf(!hasScript())('D21: on a terminal a yes is remembered, for this user only', async () => {
    const typed = typeOnTerminal(home, 'y\n', ['label', 'list', '--server', server.url, '--token', 'x']);
    await expect(typed).resolves.toContain(server.pin);
    expect(JSON.parse(await readFile(knownServers(), 'utf8'))).toEqual({ [server.url]: server.pin });
    expect((await stat(knownServers())).mode & 0o777).toBe(0o600);
    expect(await listLabels()).toMatchObject({ exitCode: 0 });
  });

  test.skipIf(!hasScript())('on a terminal a plain return is a no, and nothing is sent', async () => {
    await typeOnTerminal(home, '\n', ['label', 'list', '--server', server.url, '--token', 'x']);
    await expect(stat(knownServers())).rejects.toThrow('ENOENT');
    expect(server.requests).toEqual([]);
  });
});

describe('a server with another certificate than the known one', () => {
  const OTHER_PIN = `spki:${'ab'.repeat(32)}`;

  test('D22: gets nothing, whether the pin was remembered or given', async () => {
    await remember(OTHER_PIN);
    for (const run of [await listLabels(), await listLabels('--pin', OTHER_PIN)]) {
      expect(run.exitCode).toBe(5);
      const { error } = JSON.parse(run.stdout);
      expect(error.code).toBe('server_identity_changed');
      expect(error.message).toContain('SERVER IDENTITY CHANGED, nothing was sent');
      expect(error.message).toContain(server.pin);
      expect(error.message).toContain(OTHER_PIN);
    }
    expect(server.requests).toEqual([]);
  });

  test('a damaged list of known servers is no first contact', async () => {
    await remember(OTHER_PIN);
    await writeFile(knownServers(), '{');
    const run = await listLabels();
    expect(run.exitCode).toBe(3);
    expect(JSON.parse(run.stdout).error.message).toContain(knownServers());
  });
});

describe('what a server answers', () => {
  const ANSWERS = [
    { status: 401, code: 'token_invalid', exitCode: 4 },
    { status: 403, code: 'wrong_scope', exitCode: 4 },
    { status: 403, code: 'firmware_blocked', exitCode: 6 },
    { status: 404, code: 'label_unknown', exitCode: 3 },
    { status: 409, code: 'name_taken', exitCode: 6 },
    { status: 409, code: 'version_mismatch', exitCode: 3 },
    { status: 422, code: 'elf_not_bin', exitCode: 3 },
    { status: 413, code: 'image_too_large', exitCode: 3 },
    { status: 429, code: 'busy', exitCode: 5 },
    { status: 503, code: 'busy', exitCode: 5 },
    { status: 409, code: 'of_a_later_release', exitCode: 6 },
  ];

  test.for(ANSWERS)(
    '$status $code ends with $exitCode and the words of the server',
    async ({ status, code, exitCode }) => {
      const error = { code, message: 'what failed', hint: 'what to do', request_id: 'r-1' };
      const refusing = await startSmallServer((_request, response) => answerJson(response, status, { error }));
      const options = ['--server', refusing.url, '--pin', refusing.pin, '--token', 'x'];
      const text = await runOtter(home, ['label', 'delete', 'pilot', '--yes', ...options]);
      const json = await runOtter(home, ['label', 'delete', 'pilot', '--yes', '--json', ...options]);
      await refusing.stop();
      expect(text).toMatchObject({ exitCode, stdout: '', stderr: 'error: what failed\n  what to do\n  request r-1\n' });
      expect(json).toMatchObject({ exitCode, stderr: '' });
      expect(JSON.parse(json.stdout)).toEqual({ error });
    },
  );

  test('something that is not Otter is said to be that', async () => {
    const other = await startSmallServer((_request, response) => response.end('<html>'));
    const run = await runOtter(home, ['status', '--server', other.url, '--pin', other.pin, '--token', 'x']);
    await other.stop();
    expect(run.exitCode).toBe(5);
    expect(run.stderr).toContain('is it an Otter server');
  });

  test('control characters in a message do not reach the terminal', async () => {
    const error = { code: 'busy', message: 'a\u001B[2Jb\rc', hint: '' };
    const hostile = await startSmallServer((_request, response) => answerJson(response, 503, { error }));
    const run = await runOtter(home, ['status', '--server', hostile.url, '--pin', hostile.pin, '--token', 'x']);
    await hostile.stop();
    expect(run.stderr).toBe('error: a\uFFFD[2Jb\uFFFDc\n');
  });

  test('a name that would become another path is refused before it is sent', async () => {
    const run = await runOtter(home, [
      'label',
      'delete',
      '..',
      '--yes',
      '--server',
      server.url,
      '--pin',
      server.pin,
      '--token',
      'x',
    ]);
    expect(run.exitCode).toBe(3);
    expect(server.requests).toEqual([]);
  });
});

test('--all follows the cursors to the end, --limit stops before', async () => {
  const paged = await startSmallServer((request, response) => {
    const url = new URL(request.url ?? '', 'https://x');
    const start = Number(url.searchParams.get('cursor') ?? 0);
    const size = Number(url.searchParams.get('limit'));
    const names = Array.from({ length: 1200 }, (_, index) => `label-${index}`).slice(start, start + size);
    const label = { description: '', timezone: null, where: null, devices: 0, created_at: '2026-11-23T10:00:00.000Z' };
    const items = names.map((name) => Object.assign({ name }, label));
    answerJson(response, 200, { items, next_cursor: start + size < 1200 ? String(start + size) : null });
  });
  const list = async (...options: readonly string[]) => {
    const args = ['label', 'list', '--server', paged.url, '--pin', paged.pin, '--token', 'x', '--json'];
    const { items, next_cursor } = JSON.parse((await runOtter(home, [...args, ...options])).stdout);
    return { count: items.length, next_cursor };
  };
  expect(await list('--all')).toEqual({ count: 1200, next_cursor: null });
  expect(await list('--limit', '501')).toEqual({ count: 501, next_cursor: '501' });
  expect(await list()).toEqual({ count: 50, next_cursor: '50' });
  await paged.stop();
});

test('D30: Ctrl-C in an upload ends with 130 and leaves the request unfinished', async () => {
  const image = path.join(home, 'app.bin');
  await writeFile(image, Buffer.alloc(4_000_000));
  const arrived = Promise.withResolvers<IncomingMessage>();
  const slow = await startSmallServer((request) => {
    request.once('data', () => {
      request.pause(); // what the sockets hold is less than the image, so the sender has to wait
      arrived.resolve(request);
    });
  });
  const options = ['--server', slow.url, '--pin', slow.pin, '--token', 'x'];
  const running = spawnOtter(home, ['firmware', 'add', image, ...options], {
    onStart: (child) => void arrived.promise.then(() => child.kill('SIGINT')),
  });
  const run = await running;
  expect(run.exitCode).toBe(130);
  expect(run.stderr).toContain('nothing was published');
  const request = await arrived.promise;
  await expect(finished(request.resume())).rejects.toThrow('aborted');
  expect(request.complete).toBe(false);
  await slow.stop();
});

describe('rollout show --watch', () => {
  /** A rollout of which one more board is healthy with every request, until all three are. */
  async function startRollout(): Promise<SmallServer> {
    let asked = 0;
    return startSmallServer((_request, response) => {
      asked += 1;
      answerJson(
        response,
        200,
        rolloutWith({ healthy: Math.min(asked, 3), status: asked < 3 ? 'running' : 'complete' }),
      );
    });
  }
  const watch = async (on: SmallServer, options: SpawnOptions, ...more: readonly string[]) =>
    spawnOtter(
      home,
      ['rollout', 'show', 'r', '--watch', '--server', on.url, '--pin', on.pin, '--token', 'x', ...more],
      options,
    );

  test('prints one line per change where no terminal is, and ends with the rollout', async () => {
    const ending = await startRollout();
    const run = await watch(ending, {});
    await ending.stop();
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toBe(
      [1, 2, 3]
        .map((count) => `r ${count < 3 ? 'running' : 'complete'}; pilot: 3 targeted, ${count} healthy\n`)
        .join(''),
    );
  });

  test('with --json prints one JSON line per change', async () => {
    const ending = await startRollout();
    const run = await watch(ending, {}, '--json');
    await ending.stop();
    const statuses = run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).status);
    expect(statuses).toEqual(['running', 'running', 'complete']);
  });

  test('is left with Ctrl-C and 130; the rollout goes on', async () => {
    const endless = await startSmallServer((_request, response) => {
      answerJson(response, 200, rolloutWith({ healthy: 1, status: 'running' }));
    });
    const run = await watch(endless, { onStart: (child) => child.stdout?.once('data', () => child.kill('SIGINT')) });
    await endless.stop();
    expect(run.exitCode).toBe(130);
    expect(run.stderr).toContain('r goes on');
  });

  test('D31: ends quietly when its reader has enough', async () => {
    let asked = 0;
    const endless = await startSmallServer((_request, response) => {
      asked += 1;
      answerJson(response, 200, rolloutWith({ healthy: asked, status: 'running' }));
    });
    const run = await watch(endless, { onStart: (child) => child.stdout?.once('data', () => child.stdout?.destroy()) });
    await endless.stop();
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  });

  function rolloutWith({ healthy, status }: { readonly healthy: number; readonly status: string }): unknown {
    const at = '2026-11-23T10:00:00.000Z';
    const none = Object.fromEntries([...OUTCOMES, 'uncounted', 'asleep'].map((column) => [column, 0]));
    return {
      name: 'r',
      product: 'default',
      version: '1.1.0',
      status,
      plan: 'default',
      consent: null,
      force_after_s: null,
      stage: 'pilot',
      target_label: 'pilot',
      pilot_label: 'pilot',
      created_at: at,
      started_at: at,
      ended_at: null,
      ended_reason: null,
      halted_at: null,
      halted_reason: null,
      watched_until: null,
      regressed_at: null,
      regressed_reason: null,
      reverted_at: null,
      reverts_to: null,
      left_out: [],
      stages: [
        {
          stage: 'pilot',
          label: 'pilot',
          percentage: 100,
          promotion: 'manual',
          gate: null,
          window: null,
          max_in_flight: null,
          max_offers_per_minute: null,
          verdict: null,
          opened_at: at,
          closed_at: null,
          outcomes: { ...none, targeted: 3, healthy },
        },
      ],
      warnings: [],
      note: null,
    };
  }
});
