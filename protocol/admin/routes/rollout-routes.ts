// Plans, rollouts and what became of their boards.

import { Type } from 'typebox';
import { Assignment } from '#protocol/admin/devices.ts';
import { WayBack } from '#protocol/admin/firmware.ts';
import {
  ListedPlan,
  NewPlan,
  Rollout,
  RolloutPreview,
  RolloutSummary,
  WaitingBoard,
} from '#protocol/admin/rollouts.ts';
import { Line, NewNote, oneOf } from '#protocol/admin/shapes.ts';
import { ASSIGNMENT_STATES, OUTCOMES, ROLLOUT_STATUSES } from '#protocol/admin/states.ts';
import { LabelName, Mac, Name, RolloutName, Version } from '#protocol/words.ts';
import { named, page, paging, product, reason, ref, rolloutName, route, strict } from './route.ts';

export const rolloutRoutes = {
  getPlans: route(
    'GET',
    '/plans',
    'The plans that a rollout can be made from',
    Type.Object({ items: Type.Array(ref(ListedPlan)) }),
  ),
  getPlan: route('GET', '/plans/:name', 'One plan with its stages', ref(ListedPlan), { params: named }),
  setPlan: route(
    'PUT',
    '/plans/:name',
    'Make a plan, or put another in its place; rollouts keep the copy that they were made from',
    ref(ListedPlan),
    { params: named, body: NewPlan },
  ),
  deletePlan: route(
    'DELETE',
    '/plans/:name',
    'Remove a plan that was made by this API; rollouts keep their copy',
    Type.Object({ name: Type.String() }),
    { params: named },
  ),
  listRollouts: route('GET', '/rollouts', 'Rollouts in short; sort by created_at, name', page(ref(RolloutSummary)), {
    query: Type.Object({ ...paging, ...product, status: Type.Optional(oneOf(ROLLOUT_STATUSES)) }, strict),
  }),
  createRollout: route('POST', '/rollouts', 'Create a rollout as a draft', ref(Rollout), {
    body: Type.Object(
      {
        version: Version,
        product: Type.Optional(Name),
        name: Type.Optional(RolloutName),
        plan: Type.Optional(Name),
        pilot_label: Type.Optional(LabelName),
      },
      strict,
    ),
    status: 201,
  }),
  getRollout: route('GET', '/rollouts/:name', 'One rollout with the outcomes of each stage', ref(Rollout), {
    params: rolloutName,
  }),
  previewRollout: route(
    'GET',
    '/rollouts/:name/preview',
    'Which devices each stage would take, and who is left out and why',
    ref(RolloutPreview),
    { params: rolloutName },
  ),
  getPreviewDevices: route(
    'GET',
    '/rollouts/:name/preview/devices',
    'The devices that one stage would take',
    page(Mac),
    {
      params: rolloutName,
      query: Type.Object({ stage: Name, limit: paging.limit, cursor: paging.cursor }, strict),
    },
  ),
  noteRollout: route('PUT', '/rollouts/:name/note', 'Write a note on a rollout', ref(Rollout), {
    params: rolloutName,
    body: NewNote,
  }),
  startRollout: route('POST', '/rollouts/:name/start', 'Open the first stage', ref(Rollout), {
    params: rolloutName,
    body: Type.Object(
      {
        reason: Type.Optional(Line),
        supersede: Type.Optional(
          Type.Boolean({ description: 'open rollouts that want the same devices end for those devices' }),
        ),
      },
      strict,
    ),
  }),
  promoteRollout: route(
    'POST',
    '/rollouts/:name/promote',
    'Open the next stage, once the gate of the open one has passed; after the last one the rollout is complete',
    ref(Rollout),
    {
      params: rolloutName,
      body: Type.Object(
        {
          from: Type.Optional(
            Type.Unsafe<string>({
              ...Name,
              description:
                'the stage that is meant: another one may be open by now. Left out, the open one is taken and the answer warns; the next version refuses that',
            }),
          ),
          override: Type.Optional(
            Type.Boolean({ description: 'pass a gate that has not passed; needs a reason, which the audit keeps' }),
          ),
          reason: Type.Optional(Line),
        },
        strict,
      ),
    },
  ),
  pauseRollout: route('POST', '/rollouts/:name/pause', 'Hold offers from the next check on', ref(Rollout), {
    params: rolloutName,
    body: reason,
  }),
  resumeRollout: route(
    'POST',
    '/rollouts/:name/resume',
    'Go on with a paused rollout, or with a halted one: that needs a reason',
    ref(Rollout),
    {
      params: rolloutName,
      body: reason,
    },
  ),
  abortRollout: route('POST', '/rollouts/:name/abort', 'End a rollout; devices keep what they run', ref(Rollout), {
    params: rolloutName,
    body: Type.Object(
      {
        reason: Type.Optional(Line),
        revert: Type.Optional(
          Type.Boolean({ description: 'devices that run its build are offered the prior stable one' }),
        ),
      },
      strict,
    ),
  }),
  keepRollout: route(
    'POST',
    '/rollouts/:name/keep',
    'Keep the build of a regressed rollout: it is offered again, and what failed so far does not count any more',
    ref(Rollout),
    { params: rolloutName, body: Type.Object({ reason: Line }, strict) },
  ),
  undoRollout: route(
    'POST',
    '/rollouts/:name/undo',
    'Take a rollout back, whatever became of it: devices that run its build go to what is stable without it',
    ref(Rollout),
    { params: rolloutName, body: reason },
  ),
  getWaiting: route(
    'GET',
    '/rollouts/:name/waiting',
    'Boards of its opened stages that are not healthy on the build, with the rule or outcome that holds each',
    page(ref(WaitingBoard)),
    {
      params: rolloutName,
      query: Type.Object(
        {
          limit: paging.limit,
          cursor: paging.cursor,
          outcome: Type.Optional(
            oneOf(OUTCOMES, { description: 'those of this outcome alone, as a stage counts them' }),
          ),
          left_out: Type.Optional(
            Type.String({ description: 'those that this rule leaves out alone, as `left_out` counts them' }),
          ),
        },
        strict,
      ),
    },
  ),
  previewRevert: route(
    'GET',
    '/rollouts/:name/revert-preview',
    'What an undo, or an abort with revert, would do to the devices that run its build, or does after one',
    ref(WayBack),
    { params: rolloutName },
  ),
  retryRollout: route(
    'POST',
    '/rollouts/:name/retry',
    'Forgive the earlier failures of devices that failed by network or device: they are offered the build again',
    Type.Object({
      devices: Type.Integer({ minimum: 0, description: 'devices of which failures were forgiven' }),
      examples: Type.Array(Mac, { description: 'up to 10 of them' }),
      known_bad: Type.Object(
        {
          devices: Type.Integer({ minimum: 0 }),
          examples: Type.Array(Mac, { description: 'up to 10 of them' }),
          causes: Type.Array(
            Type.Object({
              cause: Type.Union([Type.String(), Type.Null()], { description: 'null: it is not known' }),
              devices: Type.Integer({ minimum: 1 }),
            }),
            { description: 'the most frequent first' },
          ),
        },
        { description: 'devices on which a build of the rollout stays known bad' },
      ),
    }),
    { params: rolloutName, body: reason },
  ),
  listAssignments: route('GET', '/assignments', 'Assignments; sort by id', page(ref(Assignment)), {
    query: Type.Object(
      {
        ...paging,
        rollout: Type.Optional(RolloutName),
        mac: Type.Optional(Mac),
        state: Type.Optional(oneOf(ASSIGNMENT_STATES)),
      },
      strict,
    ),
  }),
} as const;
