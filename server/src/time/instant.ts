// Instants of the database as the wire writes them.

export function toInstant(ms: number): string {
  return new Date(ms).toISOString();
}

export function toInstantOrNull(ms: number | null | undefined): string | null {
  return ms === null || ms === undefined ? null : toInstant(ms);
}
