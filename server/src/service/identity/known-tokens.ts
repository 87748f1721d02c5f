// Which device tokens are known, so that a request with another one is refused before its body is read. A token that was seen here
// costs a look into memory; what it may do is decided later, with the facts of its board, so what is kept here is never too old to
// be right: a revoked token is let in as far as that and no further.

import { findTokenOwner } from '#server/db/identity/identities.ts';
import type { Database } from '#server/db/database.ts';

/** Some 50 bytes each. Beyond that all are looked up anew. */
const MOST_KEPT = 2_000_000;

export class KnownTokens {
  readonly #database: Database;
  readonly #kept = new Set<number>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Whether it was found before. */
  has(sha256: string): boolean {
    return this.#kept.has(keyOf(sha256));
  }

  /** Whether it is a token of some board, accepted or pending. */
  async find(sha256: string): Promise<boolean> {
    const isKnown = (await findTokenOwner(this.#database.read, sha256)) !== undefined;
    if (isKnown) {
      if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
      this.#kept.add(keyOf(sha256));
    }
    return isKnown;
  }
}

/** 52 bits of the digest: a number that JavaScript holds exactly. */
function keyOf(sha256: string): number {
  return Number.parseInt(sha256.slice(0, 13), 16);
}
