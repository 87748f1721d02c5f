// The environment as a source of settings: `OTTER_...` variables of the process, then those of `<home>/.env`. It turns
// them into overrides of keys of server.yml and warns of variables that nobody knows. It never sets a variable.

import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { findNearest } from '#protocol/nearest.ts';
import { errorAt, type Place, type Problem, warningAt } from '#server/config/yaml/problem.ts';
import { isOpenToOthers, readSmallFile } from '#server/config/yaml/read-file.ts';
import { type KeyPath, type Source } from '#server/config/yaml/yaml-document.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A value that takes the place of what server.yml says at `path`. */
type Override = { readonly path: KeyPath; readonly value: unknown; readonly place: Place };

type Setting = {
  readonly path: KeyPath;
  readonly isSecret: boolean;
  readonly read: (text: string) => unknown;
};

const asText = (text: string): unknown => text;
const asInteger = (text: string): unknown => (/^\d{1,9}$/.test(text) ? Number(text) : text);
const asToken = (text: string): unknown => ({ value: text });

const SETTINGS: ReadonlyMap<string, Setting> = new Map([
  ['OTTER_HOST', { path: ['host'], isSecret: false, read: asText }],
  ['OTTER_PORT', { path: ['port'], isSecret: false, read: asInteger }],
  ['OTTER_DATABASE', { path: ['database'], isSecret: true, read: asText }],
  ['OTTER_STORAGE_ROOT', { path: ['storage', 'root'], isSecret: false, read: asText }],
  ['OTTER_FLEET_TOKEN', { path: ['tokens', 'fleet'], isSecret: true, read: asToken }],
  ['OTTER_ADMIN_TOKEN', { path: ['tokens', 'admin'], isSecret: true, read: asToken }],
  ['OTTER_LOG_LEVEL', { path: ['log', 'level'], isSecret: false, read: asText }],
  ['OTTER_POLL_INTERVAL', { path: ['poll', 'interval'], isSecret: false, read: asText }],
]);

/** Variables of the command line and the launcher. */
const OTHER_PARTS = ['OTTER_HOME', 'OTTER_SERVER', 'OTTER_TOKEN', 'OTTER_PIN'];
const LAUNCHER_PREFIX = 'OTTER_LAUNCHER';

/**
 * Overrides in the order of strength (later ones win) and what there is to say. An empty variable counts as not set:
 * that is how container files spell a variable without a value.
 */
export function readEnvironment(
  home: string,
  env: Environment,
): { readonly overrides: readonly Override[]; readonly problems: readonly Problem[] } {
  const file = join(home, '.env');
  const content = readSmallFile(file);
  const fileText = content.ok ? content.text : '';
  const fromFile = collect(parseEnv(fileText), (key) => placeInFile(file, fileText, key));
  const fromProcess = collect(env, (key) => ({ file: 'environment', line: 0, col: 0, key }));
  const problems = [...fromFile.problems, ...fromProcess.problems];
  const whole: Place = { file, line: 0, col: 0, key: '' };
  if (!content.ok && !content.missing) problems.push(errorAt(whole, content.message, content.hint));
  if (content.ok && isOpenToOthers(content.mode) && fromFile.hasSecret) {
    problems.push(warningAt(whole, 'holds a secret and can be read by other users', `run chmod 600 ${file}`));
  }
  return { overrides: [...fromFile.overrides, ...fromProcess.overrides], problems };
}

/** The same source with the overrides laid over it; a problem then names the variable instead of the line. */
export function overlay(source: Source, overrides: readonly Override[]): Source {
  return {
    value: overrides.reduce((value, override) => setAt(value, override.path, override.value), source.value),
    place: (path) =>
      overrides.findLast((override) => override.path.every((step, depth) => path[depth] === step))?.place ??
      source.place(path),
  };
}

function collect(env: Environment, placeOf: (key: string) => Place) {
  const overrides: Override[] = [];
  const problems: Problem[] = [];
  let hasSecret = false;
  for (const [key, text] of Object.entries(env)) {
    if (!key.startsWith('OTTER_') || text === undefined || text === '') continue;
    const setting = SETTINGS.get(key);
    if (setting !== undefined) {
      overrides.push({ path: setting.path, value: setting.read(text), place: placeOf(key) });
      hasSecret ||= setting.isSecret;
    } else if (!OTHER_PARTS.includes(key) && !key.startsWith(LAUNCHER_PREFIX)) {
      const nearest = findNearest(key.slice('OTTER_'.length), knownSuffixes());
      const hint =
        nearest === undefined ? 'see .env.example for those that are known' : `did you mean OTTER_${nearest}?`;
      problems.push(warningAt(placeOf(key), 'unknown variable', hint));
    }
  }
  return { overrides, problems, hasSecret };
}

/** Compared without the common prefix, which would make every name look near. */
function knownSuffixes(): readonly string[] {
  return [...SETTINGS.keys(), ...OTHER_PARTS].map((key) => key.slice('OTTER_'.length));
}

function placeInFile(file: string, text: string, key: string): Place {
  const index = text
    .split(/\r?\n/)
    .map((line) =>
      line
        .split('=')[0]
        ?.trim()
        .replace(/^export\s+/, ''),
    )
    .lastIndexOf(key);
  return { file, line: index + 1, col: 1, key };
}

/** A copy of `value` with `leaf` at `path`. Missing sections are made; what is no section stays, and is refused later. */
function setAt(value: unknown, path: KeyPath, leaf: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return leaf;
  const section = value === undefined ? {} : value;
  if (!isSection(section)) return value;
  return { ...section, [step]: setAt(section[step], rest, leaf) };
}

function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
