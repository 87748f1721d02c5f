// A real home in a temporary folder, made by `initHome`, and small ways to spoil it.

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ConfigError, type Problem } from '#server/config/yaml/problem.ts';
import { loadConfig } from '#server/config/config.ts';
import { initHome } from '#server/home/init.ts';

export const NOW_MS = Date.parse('2026-11-23T10:00:00Z');

/** An empty folder that goes away with the test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'otter-home-'));
  chmodSync(folder, 0o755);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function newHome(): Promise<string> {
  const home = newFolder();
  await initHome(home, { nowMs: NOW_MS });
  return home;
}

/** Writes a file of the home with exactly this mode, whatever the umask. */
export function put(home: string, path: string, text: string | Uint8Array, mode = 0o600): void {
  writeFileSync(join(home, path), text);
  chmodSync(join(home, path), mode);
}

/** server.yml as `otter init` made it, with `lines` after it. */
export function addToServerYml(home: string, lines: string): void {
  put(home, 'config/server.yml', `${readFileSync(join(home, 'config/server.yml'), 'utf8')}\n${lines}\n`);
}

/** server.yml with the first `from` turned into `to`; a test whose `from` is not there is wrong. */
export function changeServerYml(home: string, from: string, to: string): void {
  const text = readFileSync(join(home, 'config/server.yml'), 'utf8');
  if (!text.includes(from)) throw new Error(`server.yml does not contain ${from}`);
  put(
    home,
    'config/server.yml',
    text.replace(from, () => to),
  );
}

export function load(home: string, env: Readonly<Record<string, string>> = {}) {
  return loadConfig({ home, env, nowMs: NOW_MS });
}

/** The problems that keep a home from starting; none where it starts. */
export function problemsOf(home: string, env: Readonly<Record<string, string>> = {}): readonly Problem[] {
  try {
    load(home, env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}
