// The table of what was counted; the others are in `db/schema.ts`.

/** Of one hour, how many devices of a product ran a version. */
export interface VersionHoursTable {
  /** The place of the hour in the ring. */
  readonly slot: number;
  /** Hours since 1970, UTC. */
  readonly hour: number;
  readonly product: string;
  /** Empty: all that are not named by themselves. */
  readonly version: string;
  readonly devices: number;
}
