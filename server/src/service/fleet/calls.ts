// What needs a person: rollouts that stopped, gates that wait too long and for whom, boards that are lost or crash, schedules that
// were refused or missed, boards that appear all at once, stored images that are damaged. Each call comes with the commands that fit. It only reads.

import type { Rollout } from '#protocol/admin/rollouts.ts';
import type { Call } from '#protocol/admin/status.ts';
import {
  CERTIFICATE_DAYS,
  LONG_WAIT_MS,
  MAX_NAMED_IMAGES,
  NEW_BOARDS_BURST,
  NEW_BOARDS_SHARE,
  NEW_BOARDS_SPAN_MS,
} from '#protocol/limits.ts';
import { DEFAULT_PRODUCT, GENERAL_LABEL } from '#protocol/words.ts';
import { WATCH_LIMITS } from '#engine/stage/judge.ts';
import { countTroubled } from '#server/db/identity/identities.ts';
import { countNewcomers } from '#server/db/fleet/devices.ts';
import { listTroubled } from '#server/db/schedules/schedules.ts';
import { listFaults } from '#server/service/firmware/image-checks.ts';

import { callsOfBackups } from './backups.ts';
import { callsOfReports } from '#server/service/identity/differing-reports.ts';
import { callsOfPins } from '#server/service/pins/pin-calls.ts';
import { callsOfSignatures } from '#server/service/signatures/signature-calls.ts';
import { callsOfAbandoned } from '#server/service/gates/abandoned-calls.ts';
import type { Deps } from '#server/service/deps.ts';

const DAY_MS = 86_400_000;

/** The most urgent first. `rollouts`: those that are open, regressed or watched. */
export async function listCalls(deps: Deps, rollouts: readonly Rollout[], nowMs: number): Promise<Call[]> {
  const view = await deps.catalog.current();
  const ofRollouts = rollouts.flatMap((rollout) => callsOf(rollout, nowMs));
  const calls = [
    ...ofRollouts,
    ...(await callsOfAbandoned(deps, nowMs)),
    ...(await ofImages(deps)),
    ...callsOfSignatures(view, nowMs),
    ...(await ofSchedules(deps)),
    ...ofCertificate(deps, nowMs),
    ...callsOfPins(view, deps.settings.board.backupPin(), nowMs),
    ...(await ofIdentities(deps)),
    ...(await callsOfReports(deps, nowMs)),
    ...(await ofNewcomers(deps, nowMs)),
    ...deps.newBoards.calls(nowMs),
    ...deps.boardProblems.calls(nowMs),
    ...(await callsOfBackups(deps, nowMs)),
  ];
  return calls.toSorted((left, right) => URGENCY.indexOf(left.kind) - URGENCY.indexOf(right.kind));
}

const URGENCY: readonly Call['kind'][] = [
  'restored',
  'regressed',
  'halted',
  'crashing',
  'failed',
  'lost',
  'damaged_image',
  'signature',
  'empty_stage',
  'nobody_counts',
  'gate_waits',
  'schedule',
  'certificate',
  'claimed_twice',
  'reports_differ',
  'enrolments',
  'new_boards',
  'board_problems',
  'backup_due',
];

/** What one rollout calls for. */
function callsOf(rollout: Rollout, nowMs: number): readonly Call[] {
  const { name, version, status, product } = rollout;
  const call = (kind: Call['kind'], text: string, commands: readonly string[]): Call => ({
    kind,
    rollout: name,
    text,
    commands: commands.map((command) => `otter ${command}`),
  });
  const block = `firmware block ${version}${product === DEFAULT_PRODUCT ? '' : ` --product ${product}`} --reason TEXT`;
  const waiting = `rollout waiting ${name}`;
  if (status === 'regressed')
    return [
      call('regressed', `rollout ${name} regressed: ${rollout.regressed_reason ?? ''}`, [
        block,
        `rollout abort ${name} --revert`,
        `rollout keep ${name} --reason TEXT`,
      ]),
    ];
  if (status === 'halted')
    return [
      call('halted', `rollout ${name} is halted: ${rollout.halted_reason ?? ''}`, [
        waiting,
        `rollout abort ${name}${rollout.reverted_at === null ? ' --revert' : ''}`,
        block,
        `rollout resume ${name} --reason TEXT`,
      ]),
    ];
  return [...callsOfBoards(rollout, call, [waiting, block]), ...callsOfStage(rollout, call, waiting, nowMs)];
}

type MakeCall = (kind: Call['kind'], text: string, commands: readonly string[]) => Call;

/** A stage with a gate halts by itself; one without is only looked at, and so are a few boards below the limits. */
function callsOfBoards(rollout: Rollout, call: MakeCall, commands: readonly string[]): readonly Call[] {
  const opened = rollout.stages.filter(({ opened_at }) => opened_at !== null);
  const sum = (column: 'crashing' | 'lost') => opened.reduce((total, { outcomes }) => total + outcomes[column], 0);
  const said = [
    ['crashing', sum('crashing'), `crash again and again on ${rollout.version}`],
    ['lost', sum('lost'), `were given ${rollout.version} and are silent since`],
  ] as const;
  const boards = said.flatMap(([kind, devices, what]) =>
    devices === 0 ? [] : [call(kind, `${boardsOf(devices)} of rollout ${rollout.name} ${what}`, commands)],
  );
  return [...boards, ...opened.flatMap((stage) => callOfFailures(rollout, stage, call, commands))];
}

function callOfFailures(
  { name }: Rollout,
  { stage, gate, outcomes }: Rollout['stages'][number],
  call: MakeCall,
  commands: readonly string[],
): readonly Call[] {
  const answered = outcomes.healthy + outcomes.soaking + outcomes.failed + outcomes.crashing;
  const { min_confirmed: least, max_failed_pct: most = 0 } = WATCH_LIMITS;
  const isTooMuch = answered >= least && outcomes.failed > 0 && (outcomes.failed / answered) * 100 > most;
  if (gate !== null || !isTooMuch) return [];
  return [
    call('failed', `${outcomes.failed} of ${answered} boards failed in stage ${stage} of rollout ${name}`, commands),
  ];
}

/** Of the stage that is open. */
function callsOfStage(rollout: Rollout, call: MakeCall, waiting: string, nowMs: number): readonly Call[] {
  const { name, status, stage: openName, stages, warnings } = rollout;
  const open = stages.find(({ stage }) => stage === openName);
  if (status !== 'running' || open === undefined || open.opened_at === null) return [];
  const { outcomes, verdict, gate } = open;
  // Boards that run the build already are in the stage all the same: then the view warns of nothing.
  if (outcomes.targeted === 0 && outcomes.uncounted === 0 && open === stages[0] && warnings.length > 0)
    return [callOfEmptyStage(rollout, open, call)];
  if (outcomes.targeted === 0 && gate !== null)
    return [
      call(
        'nobody_counts',
        `stage ${open.stage} of rollout ${name} has ${boardsOf(outcomes.uncounted)}, and none counts in its gate`,
        [waiting, 'device count MAC yes --reason TEXT'],
      ),
    ];
  const sinceMs = nowMs - Date.parse(open.opened_at);
  if (verdict?.state !== 'waiting' || sinceMs < LONG_WAIT_MS + 2 * (gate?.soak_s ?? 0) * 1000) return [];
  return [
    call(
      'gate_waits',
      `the gate of stage ${open.stage} of rollout ${name} waits since ${hoursOf(sinceMs)} h: ${verdict.text}`,
      [waiting, `rollout promote ${name} --from ${open.stage} --override --reason TEXT`],
    ),
  ];
}

/** A label that is added now counts from the next stage on, so the rollout has to begin anew. */
function callOfEmptyStage(
  { name, version, product, plan }: Rollout,
  { stage, label }: Rollout['stages'][number],
  call: MakeCall,
): Call {
  const nobody = `nobody is in stage ${stage} of rollout ${name}`;
  if (label === GENERAL_LABEL)
    return call('empty_stage', `${nobody}: it takes no board of product ${product} yet`, [`rollout preview ${name}`]);
  const ofProduct = product === DEFAULT_PRODUCT ? '' : ` --product ${product}`;
  return call('empty_stage', `${nobody}: no board had label ${label} when it opened`, [
    `rollout abort ${name} --reason TEXT`,
    `device label MAC ${label}`,
    `rollout create --firmware ${version}${ofProduct} --plan ${plan}`,
  ]);
}

async function ofImages(deps: Deps): Promise<readonly Call[]> {
  const faults = await listFaults(deps);
  const call = (text: string, commands: readonly string[]): Call => ({
    kind: 'damaged_image',
    rollout: null,
    text,
    commands: [...commands],
  });
  const named = faults
    .slice(0, MAX_NAMED_IMAGES)
    .map(({ product, version, chip, fault }) =>
      call(`the stored image of ${product} ${version} for ${chip} is damaged: ${fault}; boards cannot fetch it`, [
        `otter firmware add FILE --product ${product} --version ${version}`,
      ]),
    );
  const others = faults.length - named.length;
  return others > 0 ? [...named, call(`${others} more stored images are damaged`, [])] : named;
}

async function ofSchedules({ database: { read } }: Deps): Promise<readonly Call[]> {
  const rows = await listTroubled(read);
  return rows.map(({ name, rollout, last_result }) => ({
    kind: 'schedule',
    rollout,
    text: `schedule ${name}: ${last_result ?? ''}`,
    commands: ['otter schedule list', `otter schedule run ${name}`],
  }));
}

/** Boards that compare the pin go on after its end; browsers and those that compare dates do not. */
function ofCertificate({ settings: { certificateEndsAtMs: endsAtMs } }: Deps, nowMs: number): readonly Call[] {
  const days = Math.ceil((endsAtMs - nowMs) / DAY_MS);
  if (days > CERTIFICATE_DAYS[0]) return [];
  return [
    {
      kind: 'certificate',
      rollout: null,
      text:
        days > 0 ? `the certificate of this server ends in ${days} days` : 'the certificate of this server has ended',
      commands: ['otter cert renew'],
    },
  ];
}

/** Two who claim to be one board, and boards that ask to be let in. */
async function ofIdentities({ database: { read } }: Deps): Promise<readonly Call[]> {
  const { claimedTwice, pending, examples } = await countTroubled(read);
  const call = (kind: Call['kind'], text: string, commands: readonly string[]): Call => ({
    kind,
    rollout: null,
    text,
    commands: commands.map((command) => `otter ${command}`),
  });
  const such = examples.join(', ');
  return [
    ...(claimedTwice === 0
      ? []
      : [
          call(
            'claimed_twice',
            `${claimedTwice === 1 ? '1 board is' : `${claimedTwice} boards are`} claimed twice, by a token of its own and with the fleet token: ${such}; the fleet token is offered nothing there`,
            ['device show MAC', 'device accept MAC', 'device reenrol MAC', 'token rotate fleet'],
          ),
        ]),
    ...(pending === 0
      ? []
      : [
          call('enrolments', `${boardsOf(pending)} ask to enrol, and wait for a person`, [
            'device enrolments',
            'device accept MAC',
            'device accept --all',
          ]),
        ]),
  ];
}

/** Boards are made up quickly; those that are real come one by one, or on a day that somebody remembers. */
async function ofNewcomers({ database: { read } }: Deps, nowMs: number): Promise<readonly Call[]> {
  const rows = await countNewcomers(read, nowMs - NEW_BOARDS_SPAN_MS);
  return rows
    .filter(({ newcomers, known }) => newcomers > NEW_BOARDS_BURST && newcomers > known * NEW_BOARDS_SHARE && known > 0)
    .map(({ product, newcomers, known }) => ({
      kind: 'new_boards',
      rollout: null,
      text: `${boardsOf(newcomers)} of product ${product} were seen for the first time within the last hour, beside ${known}; they count in no gate of a rollout that runs`,
      commands: ['otter device list --sort -first_seen_at'],
    }));
}

function boardsOf(devices: number): string {
  return devices === 1 ? '1 board' : `${devices} boards`;
}

function hoursOf(ms: number): number {
  return Math.floor(ms / 3_600_000);
}
