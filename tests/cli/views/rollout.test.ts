// A rollout as it is watched: it fits the terminal, however many kinds of boards there are.

import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { widthOf } from '#cli/screen/layout.ts';
import { Terminal } from '#cli/terminal.ts';
import { formatProgress } from '#cli/views/rollout.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { OUTCOMES } from '#protocol/admin/states.ts';

type Stage = Rollout['stages'][number];
type Outcomes = Stage['outcomes'];

const AT = '2026-11-23T10:00:00.000Z';
const NOW_MS = Date.parse('2026-11-23T10:05:00.000Z');
const COUNTS = [...OUTCOMES, 'uncounted', 'asleep', 'targeted'];

/** Four stages, in each of which so many boards are in each of the first so many states. */
function rolloutWith(kinds: number, boards: number): Rollout {
  const some = COUNTS.map((count, index) => [count, index < kinds || count === 'targeted' ? boards : 0]);
  const outcomes: Outcomes = Object.fromEntries(some);
  return {
    ...BASE,
    stages: ['pilot', 'few', 'some', 'everyone'].map((stage) =>
      Object.assign({}, STAGE, { stage, percentage: stage === 'few' ? 5 : 100, outcomes }),
    ),
  };
}

function terminalOf(columns: number): { readonly terminal: Terminal; readonly written: () => string } {
  const stdout = Object.assign(new PassThrough(), { isTTY: true, columns, rows: 24 });
  let text = '';
  stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const streams = { stdin: new PassThrough(), stdout, stderr: new PassThrough() };
  return { terminal: new Terminal(streams, { NO_COLOR: '1' }), written: () => text };
}

test.each([
  [80, 2, 7],
  [80, 6, 7],
  [80, 6, 250],
  [60, 2, 7],
])('with %i columns and %i kinds of boards it is a table that fits', (columns, kinds, boards) => {
  const { terminal, written } = terminalOf(columns);
  terminal.frame()(formatProgress(rolloutWith(kinds, boards), NOW_MS, terminal));
  for (const line of written().split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(columns);
  expect(written()).toMatch(/^stage +label +healthy/m);
  expect(written()).toContain(`${boards}`);
});

test('a frame is never higher than the terminal, and the next one takes its place', () => {
  const { terminal, written } = terminalOf(60);
  const draw = terminal.frame();
  draw(formatProgress(rolloutWith(12, 250), NOW_MS, terminal));
  expect(written().trimEnd().split('\n').length).toBeLessThan(24);
  const rows = written().trimEnd().split('\n').length;
  draw(formatProgress(rolloutWith(12, 251), NOW_MS, terminal));
  expect(written()).toContain(`\u001B[${rows}A\u001B[J`);
});

const STAGE: Omit<Stage, 'stage' | 'percentage' | 'outcomes'> = {
  label: 'general',
  promotion: 'manual',
  gate: null,
  window: null,
  max_in_flight: null,
  max_offers_per_minute: null,
  verdict: null,
  opened_at: AT,
  closed_at: null,
};
const BASE: Rollout = {
  name: '1.1.0-careful',
  product: 'default',
  version: '1.1.0',
  status: 'running',
  plan: 'careful',
  consent: null,
  force_after_s: null,
  stage: 'pilot',
  target_label: 'general',
  pilot_label: 'pilot',
  created_at: AT,
  started_at: AT,
  ended_at: null,
  ended_reason: null,
  halted_at: null,
  halted_reason: null,
  watched_until: null,
  regressed_at: null,
  regressed_reason: null,
  reverted_at: null,
  reverts_to: null,
  note: null,
  left_out: [],
  stages: [],
  warnings: [],
};
