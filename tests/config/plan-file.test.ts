import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadPlanFile } from '#server/config/plan-file.ts';
import { formatProblem } from '#server/config/yaml/problem.ts';
import { findShrinking } from '#protocol/admin/plan.ts';
import { BUILT_IN_PLANS } from '#engine/stage/built-in-plans.ts';
import { newFolder, put } from './new-home.ts';

function load(text: string) {
  const folder = newFolder();
  put(folder, 'plans.yaml', text);
  const result = loadPlanFile(join(folder, 'plans.yaml'));
  return result.ok ? result.plans : result.problems.map(formatProblem).map((line) => line.slice(folder.length + 1));
}

test('a plan comes with its defaults', () => {
  expect(
    load('plans:\n  - {name: two, stages: [{name: a, label: pilot}, {name: b, label: general, percentage: 5%}]}\n'),
  ).toEqual([
    {
      name: 'two',
      description: '',
      stages: [
        { name: 'a', label: 'pilot', percentage: 100, promotion: 'manual' },
        { name: 'b', label: 'general', percentage: 5, promotion: 'manual' },
      ],
    },
  ]);
});

test('a gate comes with what it says, in numbers', () => {
  const gate =
    '{min_confirmed: 5, max_failed: 0, max_failed_pct: 2.5%, max_silent_pct: 20%, max_lost_pct: 10%, soak: 6h, max_heap_drop_pct: 30%, max_more_restarts_pct: 150%, fault_classes: [firmware, device]}';
  expect(load(`plans:\n  - {name: a, stages: [{name: b, label: c, promotion: auto, gate: ${gate}}]}\n`)).toMatchObject([
    {
      stages: [
        {
          promotion: 'auto',
          gate: {
            min_confirmed: 5,
            max_failed: 0,
            max_failed_pct: 2.5,
            max_silent_pct: 20,
            max_lost_pct: 10,
            soak_s: 21_600,
            max_heap_drop_pct: 30,
            max_more_restarts_pct: 150,
            fault_classes: ['firmware', 'device'],
          },
        },
      ],
    },
  ]);
});

test.each([
  ['2d', 172_800],
  ['0s', 0],
])('a plan says for how long a complete rollout is watched: %s', (watch, watch_s) => {
  expect(load(`plans:\n  - {name: a, watch: ${watch}, stages: [{name: b, label: c}]}\n`)).toMatchObject([{ watch_s }]);
});

test('a watch of more than 30 days is refused', () => {
  const problems = load('plans:\n  - {name: a, watch: 31d, stages: [{name: b, label: c}]}\n');
  expect(problems).toEqual([expect.stringContaining('write a duration of at most 30d')]);
});

test('a plan asks the board, and says for how long', () => {
  const asking = '{name: a, consent: board, force_after: 7d, stages: [{name: b, label: site=berlin}]}';
  expect(load(`plans:\n  - ${asking}\n`)).toMatchObject([
    { consent: 'board', force_after_s: 604_800, stages: [{ label: 'site=berlin' }] },
  ]);
});

test('a file that is missing, empty or all comments means no plans', () => {
  expect(loadPlanFile(join(newFolder(), 'plans.yaml'))).toEqual({ ok: true, plans: [] });
  expect(load('')).toEqual([]);
  expect(load('plans:\n#  - name: two\n')).toEqual([]);
});

describe('a plan is refused', () => {
  test.each([
    ['{name: a}', /^plans\.yaml:2:5: plans\[0\]\.stages: is required/],
    ['{name: a, stages: []}', /stages: wants a list of 1 to 10 stages/],
    ['{name: a, stages: [{name: b}]}', /stages\[0\]\.label: is required/],
    ['{name: a, stages: [{name: B b, label: c}]}', /:2:\d+: .*name: wants the name of a stage/],
    ['{name: a, stages: [{name: b, label: c, percentage: 5}]}', /percentage: wants .* found 5; use 5%/],
    ['{name: a, stages: [{name: b, label: c, percentage: 0%}]}', /percentage: wants .* found "0%"/],
    ['{name: a, stages: [{name: b, label: c, percentage: 2.5%}]}', /percentage: wants .* write a whole percentage/],
    ['{name: a, stages: [{name: b, labl: c, label: c}]}', /labl: unknown key; did you mean label\?/],
    ['{name: a, stages: [{name: b, label: c, promotion: auto}]}', /gate: is required for promotion auto/],
    ['{name: a, stages: [{name: b, label: c, promotion: cron}]}', /promotion: wants manual or auto, found "cron"/],
    ['{name: a, stages: [{name: b, label: c, gate: {max_failed: 1}}]}', /gate\.min_confirmed: is required/],
    ['{name: a, stages: [{name: b, label: c, gate: {min_confirmed: 0}}]}', /min_confirmed: wants a number of devices/],
    ['{name: a, stages: [{name: b, label: c, gate: {min_confirmed: 1, soak: 60}}]}', /soak: wants .* use 60s/],
    [
      '{name: a, stages: [{name: b, label: c, gate: {min_confirmed: 1, max_failed_pct: 101%}}]}',
      /max_failed_pct: wants .* write a percentage from 0% to 100%/,
    ],
    [
      '{name: a, stages: [{name: b, label: c, gate: {min_confirmed: 1, max_heap_drop_pct: 101%}}]}',
      /max_heap_drop_pct: wants .* write a percentage from 0% to 100%/,
    ],
    [
      '{name: a, stages: [{name: b, label: c, gate: {min_confirmed: 1, max_more_restarts_pct: 901%}}]}',
      /max_more_restarts_pct: wants .* write a percentage from 0% to 900%/,
    ],
    [
      '{name: a, stages: [{name: b, label: c, gate: {min_confirmed: 1, max_more_restarts_pct: 50}}]}',
      /max_more_restarts_pct: wants .* found 50; use 50%/,
    ],
    [
      '{name: a, stages: [{name: b, label: c, gate: {min_confirmed: 1, fault_classes: [firmwares]}}]}',
      /fault_classes\[0\]: wants one of firmware, device, network, server, found "firmwares"/,
    ],
    [
      '{name: a, stages: [{name: b, label: c, gate: {min_confirmed: 1, fault_classes: []}}]}',
      /fault_classes: wants a list of firmware, device, network, server, each once, found a list/,
    ],
    [
      '{name: a, stages: [{name: b, label: c, gate: {min_confirmed: 1, fault_classes: firmware}}]}',
      /fault_classes: wants a list of .* write "fault_classes: \[firmware, device\]"/,
    ],
    ['{name: a, consent: all, stages: [{name: b, label: c}]}', /consent: wants board.*, found "all"/],
    [
      '{name: a, force_after: 7d, stages: [{name: b, label: c}]}',
      /force_after: ends a consent, and the plan asks for none; say "consent: board" as well/,
    ],
    [
      '{name: a, consent: board, force_after: 91d, stages: [{name: b, label: c}]}',
      /force_after: wants .* write a duration of at most 90d/,
    ],
    ['{name: default, stages: [{name: b, label: c}]}', /plans\[0\]\.name: the plan default is built in/],
    [
      '{name: a, stages: [{name: b, label: c}, {name: b, label: general}]}',
      /stages\[1\]\.name: the name "b" is taken in line 2; give each stage its own name/,
    ],
    [
      '{name: a, stages: [{name: b, label: c, percentage: 50%}, {name: d, label: general}, {name: e, label: c, percentage: 49%}]}',
      /stages\[2\]\.percentage: stage e takes a smaller share of its label/,
    ],
  ])('%s', (row, expected) => {
    const problems = load(`plans:\n  - ${row}\n`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(expected);
  });

  test('whose name is taken, with the line that took it', () => {
    const row = 'stages: [{name: b, label: c}]}';
    expect(load(`plans:\n  - {name: a, ${row}\n  - {name: a, ${row}\n`)).toEqual([
      'plans.yaml:3:6: plans[1].name: the name "a" is taken in line 2; give each plan its own name',
    ]);
  });
});

test('the plans that are built in keep the rules of the file', () => {
  for (const { stages } of BUILT_IN_PLANS) {
    expect(findShrinking(stages)).toBe(-1);
    expect(new Set(stages.map(({ name }) => name)).size).toBe(stages.length);
    for (const { promotion, gate } of stages) expect(promotion === 'manual' || gate !== undefined).toBe(true);
  }
});
