// The two shared tokens: `fleet` for devices, `admin` for people and programs. Reads and judges them, and makes new ones.
// A token is never part of a message; only a fresh one, that nobody uses yet, is offered in its place.

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Checked, errorAt, type Place } from '#server/config/yaml/problem.ts';
import { isOpenToOthers, readSmallFile } from '#server/config/yaml/read-file.ts';
import { type Source } from '#server/config/yaml/yaml-document.ts';

/** A section of a token, as `server-schema.ts` lets it pass: one of both. */
export interface TokenSection {
  readonly file?: string;
  readonly value?: string;
}

type TokenScope = 'fleet' | 'admin';
export type Tokens = {
  readonly fleet: string;
  /** Undefined: it does not come from a file. */
  readonly fleetFile: string | undefined;
  /** The same of the admin token. */
  readonly adminFile: string | undefined;
  /** Still valid beside it: the file `former-fleet.token`, in the folder of the fleet token. */
  readonly formerFleet: string | undefined;
  readonly admin: string;
};

const PREFIX = { fleet: 'otf_', admin: 'ota_', webhook: 'otw_' } as const;
const MIN_TOKEN_CHARS = 32;
const MAX_TOKEN_CHARS = 256;
/** Thirty-two random hex digits have fewer than eight different ones about once in 10^7 tokens. */
const MIN_DIFFERENT_CHARS = 8;
const SAMPLES =
  /change-?_?me|replace-?_?(me|this)|your-?_?(fleet-?_?|admin-?_?)?token|example|password|secret|0123456789|1234567890|abcdefgh/i;
/** RFC 6750, 2.1 (`b64token`): what fits into an Authorization header as it is. */
const TOKEN_PATTERN = /^[A-Za-z0-9._~+/-]+=*$/;

/** A new token, or secret of a webhook: four characters that say what it is for (so that scanners find a leaked one), then 256 random bits. */
export function createToken(scope: keyof typeof PREFIX): string {
  return PREFIX[scope] + randomBytes(32).toString('base64url');
}

/** Why a token, or the secret of a webhook, must not be used, or undefined where it is good. */
export function findTokenWeakness(token: string): string | undefined {
  if (token === '') return 'is empty';
  if (SAMPLES.test(token)) return 'is a known sample';
  if (token.length < MIN_TOKEN_CHARS) return `has ${token.length} characters, fewer than ${MIN_TOKEN_CHARS}`;
  if (token.length > MAX_TOKEN_CHARS) return `has ${token.length} characters, more than ${MAX_TOKEN_CHARS}`;
  if (!TOKEN_PATTERN.test(token)) return 'has characters other than letters, digits and . _ ~ + / - =';
  return new Set(token).size < MIN_DIFFERENT_CHARS ? 'repeats the same few characters' : undefined;
}

/** Both tokens from their files or values. A section of a wrong shape comes as undefined; the other is judged still. */
export function checkTokens(
  sections: { readonly fleet: TokenSection | undefined; readonly admin: TokenSection | undefined },
  home: string,
  source: Source,
): Checked<Tokens> {
  const fleet = checkToken('fleet', sections.fleet, home, source);
  const admin = checkToken('admin', sections.admin, home, source);
  const problems = [...fleet.problems, ...admin.problems];
  if (fleet.value === undefined || admin.value === undefined) return { value: undefined, problems };
  if (fleet.value === admin.value) {
    const hint = `every board would be an administrator; use this new one: ${createToken('admin')}`;
    problems.push(errorAt(source.place(['tokens', 'admin']), 'is the same token as tokens.fleet', hint));
  }
  const former = readFormer(sections.fleet, home, source);
  problems.push(...former.problems);
  const fileOf = (section: TokenSection | undefined) =>
    section?.file === undefined ? undefined : resolve(home, section.file);
  const files = { fleetFile: fileOf(sections.fleet), adminFile: fileOf(sections.admin) };
  return { value: { fleet: fleet.value, formerFleet: former.value, admin: admin.value, ...files }, problems };
}

/** The file of the fleet token that was replaced; it need not be there. */
export function formerFile(fleetFile: string): string {
  return join(dirname(fleetFile), 'former-fleet.token');
}

function readFormer(section: TokenSection | undefined, home: string, source: Source): Checked<string> {
  if (section?.file === undefined) return { value: undefined, problems: [] };
  const path = formerFile(resolve(home, section.file));
  if (!existsSync(path)) return { value: undefined, problems: [] };
  return checkToken('fleet', { file: path }, home, source);
}

function checkToken(
  scope: TokenScope,
  section: TokenSection | undefined,
  home: string,
  source: Source,
): Checked<string> {
  const place = source.place(['tokens', scope]);
  const { value, problems } = readSecret(section, home, place);
  const weakness = value === undefined ? undefined : findTokenWeakness(value);
  if (weakness === undefined) return { value, problems };
  const refusal = errorAt(place, `the token ${weakness}`, `use this new one: ${createToken(scope)}`);
  return { value, problems: [...problems, refusal] };
}

/** The text of a file or the value itself. */
export function readSecret(section: TokenSection | undefined, home: string, place: Place): Checked<string> {
  if (section?.file === undefined) return { value: section?.value, problems: [] };
  const path = resolve(home, section.file);
  const content = readSmallFile(path);
  if (!content.ok) return { value: undefined, problems: [errorAt(place, `${path} ${content.message}`, content.hint)] };
  const problems = isOpenToOthers(content.mode)
    ? [errorAt(place, `${path} can be read by other users`, `run chmod 600 ${path}`)]
    : [];
  return { value: content.text.trim(), problems };
}
