// What a board needs, as text to paste; and boards that fail to get in.

import { relativeTime } from './relative-time.ts';
import { type Colors, formatTable, printable } from '#cli/terminal.ts';
import type { NamedPublicKey } from '#cli/signing/key-file.ts';
import type { BoardProblem, BoardSettings } from '#protocol/admin/boards.ts';

/** The names are those of the examples of the library (client/examples). */
export function formatSecrets(settings: BoardSettings, keys: readonly NamedPublicKey[]): string {
  const { servers, token } = settings;
  const [server = '', ...others] = servers;
  return [
    '// secrets.h: beside the sketch, and never in a repository',
    '#pragma once',
    '',
    'const char* const kWifiName = "your Wi-Fi";',
    'const char* const kWifiPassword = "its password";',
    constant('kServer', server),
    ...others.map((other) => `// also: ${other}`),
    constant('kPin', pinsOf(settings)),
    constant('kToken', token),
    ...(keys.length === 0 ? [] : releaseKeyLines(keys)),
  ].join('\n');
}

function releaseKeyLines(keys: readonly NamedPublicKey[]): readonly string[] {
  const calls = keys.map(({ name }) => `.addReleaseKey(${keyConstant(name)})`);
  return [
    `// A board with these takes only builds that one of them signed: ota${calls.join('')}.begin();`,
    ...keys.map(({ name, key }) => `const char ${keyConstant(name)}[] = R"(${key.pem.trim()})";`),
  ];
}

/** `kReleaseKey`, `kBackupKey`. */
function keyConstant(name: string): string {
  return `k${name.slice(0, 1).toUpperCase()}${name.slice(1)}Key`;
}

/** As a code of block characters that fills a terminal of 60 columns. */
export async function formatSecretsForPhone(settings: BoardSettings): Promise<string> {
  const { renderUnicodeCompact } = await import('uqr');
  return renderUnicodeCompact([settings.servers[0] ?? '', pinsOf(settings), settings.token].join('\n'), { ecc: 'L' });
}

export function formatBoardProblems(problems: readonly BoardProblem[], nowMs: number, colors: Colors): string {
  if (problems.length === 0) return 'no board failed to get in since this server started';
  const rows = problems.map(({ mac, address, kind, times, last_at, text }) => [
    mac ?? address,
    mac === null ? '' : address,
    kind,
    String(times),
    relativeTime(last_at, nowMs),
    text,
  ]);
  const table = formatTable(['board', 'address', 'kind', 'times', 'last', 'what happened'], rows, colors);
  const causes = new Map(problems.map(({ kind, cause }) => [kind, cause]));
  return [table, '', ...[...causes].map(([kind, cause]) => `${colors.bold(kind)}: ${printable(cause)}`)].join('\n');
}

/** As OtterOTA reads them: a connection is good when either fits. */
function pinsOf({ pin, backup_pin }: BoardSettings): string {
  return backup_pin === null ? pin : `${pin},${backup_pin}`;
}

function constant(name: string, value: string): string {
  return `const char* const ${name} = ${JSON.stringify(value)};`;
}
