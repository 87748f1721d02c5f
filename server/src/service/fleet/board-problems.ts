// Boards that fail to get in: kept in memory, of this process alone, a bounded number of them; nothing of what they sent but the MAC.

import type { BoardProblem, BoardProblemKind } from '#protocol/admin/boards.ts';
import type { Call } from '#protocol/admin/status.ts';
import { BOARD_PROBLEM_CALL_MS, MAX_BOARD_PROBLEMS } from '#protocol/limits.ts';
import { toInstant } from '#server/time/instant.ts';

/** One time that a board failed to get in. */
export interface FailedEntry {
  readonly kind: BoardProblemKind;
  readonly address: string;
  readonly mac: string | undefined;
  /** What happened, in words that are the same for each time of the same. */
  readonly text: string;
  /** A browser says the same: nothing for `otter status`. */
  readonly mayBeBrowser?: true;
}

interface Kept extends FailedEntry {
  times: number;
  readonly firstAtMs: number;
  lastAtMs: number;
}

/** Once may be chance. */
const CALL_TIMES = 2;

export class BoardProblems {
  /** The one that failed last is the last of the map. */
  readonly #kept = new Map<string, Kept>();

  note(failed: FailedEntry, nowMs: number): void {
    const key = [failed.kind, failed.address, failed.mac ?? '', failed.text].join('\n');
    const known = this.#kept.get(key);
    this.#kept.delete(key);
    this.#kept.set(key, {
      ...failed,
      times: (known?.times ?? 0) + 1,
      firstAtMs: known?.firstAtMs ?? nowMs,
      lastAtMs: nowMs,
    });
    if (this.#kept.size > MAX_BOARD_PROBLEMS)
      for (const oldest of this.#kept.keys()) return void this.#kept.delete(oldest);
  }

  /** The latest first. */
  list(): readonly BoardProblem[] {
    return [...this.#kept.values()].toReversed().map(({ kind, address, mac, times, firstAtMs, lastAtMs, text }) => ({
      kind,
      address,
      mac: mac ?? null,
      times,
      first_at: toInstant(firstAtMs),
      last_at: toInstant(lastAtMs),
      text,
      cause: CAUSES[kind],
    }));
  }

  /** What `otter status` says of those that failed again within the last hour. */
  calls(nowMs: number): readonly Call[] {
    const recent = [...this.#kept.values()].filter(
      ({ lastAtMs, times, mayBeBrowser }) =>
        nowMs - lastAtMs < BOARD_PROBLEM_CALL_MS && times >= CALL_TIMES && mayBeBrowser !== true,
    );
    const boards = new Set(recent.map(({ mac, address }) => mac ?? address));
    if (boards.size === 0) return [];
    const kinds = Object.entries(WORDS).flatMap(([kind, words]) => {
      const found = recent.filter((one) => one.kind === kind).length;
      return found === 0 ? [] : [`${found} ${words}`];
    });
    const who = boards.size === 1 ? '1 board fails' : `${boards.size} boards fail`;
    return [
      {
        kind: 'board_problems',
        rollout: null,
        text: `${who} to get in: ${kinds.join(', ')}`,
        commands: ['otter board problems'],
      },
    ];
  }
}

const WORDS: Readonly<Record<BoardProblemKind, string>> = {
  certificate: 'with another pin or certificate',
  handshake: 'went away within the TLS handshake',
  tls: 'with another TLS version',
  no_tls: 'without TLS',
  token: 'with another token',
  request: 'refused for what was sent',
};

const CAUSES: Readonly<Record<BoardProblemKind, string>> = {
  certificate:
    'its pin is that of another server, or of a certificate that was replaced: put the pin of `otter board` into the sketch and flash it by cable. A browser that does not know the certificate looks the same',
  handshake:
    'its pin is that of another server (some clients just go away), or its network is bad; compare with `otter board`',
  tls: 'its TLS library is too old, or offers other ciphers: this server takes TLS 1.2 and 1.3',
  no_tls: 'its address begins with http://: it must be https://',
  token: 'its token is not the fleet token of this server: put the token of `otter board` into the sketch',
  request: 'the client sends what docs/device-protocol.md does not allow: the text says which member',
};
