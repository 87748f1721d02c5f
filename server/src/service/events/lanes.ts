// Each recipient of notices has two places in the table of events: for what is told at once, and for what is gathered first. Both are rows
// beside those of webhooks, under names that no webhook can have.

export const LANES = ['now', 'gathered'] as const;
export type Lane = (typeof LANES)[number];

export function rowName(recipient: string, lane: Lane): string {
  return `notify:${recipient}:${lane}`;
}
