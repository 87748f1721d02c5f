// The words for states of devices, attempts, rollouts and schedules, as the admin API says them. docs/rollout.md says what each means.

export const DEVICE_STATUSES = ['ok', 'updating', 'trial', 'failed', 'silent'] as const;

export const ASSIGNMENT_STATES = [
  'offered',
  'downloading',
  'downloaded',
  'installing',
  'trial',
  'timed_out',
  'superseded',
  'rejected',
  'failed',
  'confirmed',
  'rolled_back',
] as const;

export const ROLLOUT_STATUSES = ['draft', 'running', 'paused', 'halted', 'complete', 'regressed', 'aborted'] as const;

/** What became of one board under one build; docs/rollout.md says how each is found. */
export const OUTCOMES = [
  'waiting',
  'updating',
  'on_trial',
  'soaking',
  'healthy',
  'failed',
  'crashing',
  'lost',
  'not_now',
  'other',
] as const;

/** Why a board does not count in the gates of a rollout; docs/rollout.md says when. */
export const NOT_COUNTED = [
  'test',
  'simulated',
  'shared_mac',
  'newcomer',
  'not_taken',
  'held',
  'cancelled',
  'revoked',
] as const;

export const COUNTED = ['yes', 'no', 'auto'] as const;

export const GATE_STATES = ['waiting', 'passed', 'failed'] as const;

export const SCHEDULE_ACTIONS = ['start', 'promote', 'pause', 'resume', 'window'] as const;

export const MISSED_POLICIES = ['run_once', 'skip'] as const;

/** Who may speak for a board: `first-use`: one that never enrolled, with the fleet token; `required`, `approve`: device tokens alone. */
export const IDENTITY_MODES = ['first-use', 'required', 'approve'] as const;
export type IdentityMode = (typeof IDENTITY_MODES)[number];
