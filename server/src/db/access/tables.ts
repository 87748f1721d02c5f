// The tables of those who are let in.

export interface SessionsTable {
  /** Names it to people; opens nothing. */
  readonly id: string;
  /** SHA-256 of its secret, hex: who reads the database cannot log in. */
  readonly hash: string;
  /** SHA-256 of the admin token under which it was opened, hex. */
  readonly token_digest: string;
  readonly opened_by: 'token' | 'link';
  readonly address: string;
  readonly browser: string;
  readonly opened_at_ms: number;
  /** To the minute. */
  readonly used_at_ms: number;
  readonly ends_at_ms: number;
}

export interface LoginLinksTable {
  readonly hash: string;
  readonly token_digest: string;
  readonly ends_at_ms: number;
}

export interface CredentialsTable {
  /** See `service/access/credentials.ts`. */
  readonly name: string;
  /** A pin, a fingerprint, or the SHA-256 of a token: nothing that opens anything. */
  readonly value: string;
}

export interface TicketKeysTable {
  /** Since 1970, in weeks of seven days. */
  readonly week: number;
  /** Random; hex. */
  readonly key: string;
}
