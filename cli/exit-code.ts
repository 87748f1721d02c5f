// How a command ends: the one error type of the command line and the one map from every failure to an exit code. Scripts
// read the exit code, people read the message; neither changes its meaning between releases.

import { CommanderError } from '@commander-js/extra-typings';
import { HTTP_STATUS, OtterError } from '#protocol/errors.ts';

export const EXIT = {
  ok: 0,
  /** A fault of this program: the message asks for a report. */
  bug: 1,
  usage: 2,
  badInput: 3,
  notAllowed: 4,
  server: 5,
  conflict: 6,
  /** sysexits.h `EX_CONFIG`: the server refuses to start with this configuration. */
  refusedToStart: 78,
  /** 128 + SIGINT, as shells count it. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Codes of failures that happen before or beside a request; those that a server answers are in `protocol/errors.ts`. */
const OWN_CODES = {
  usage: EXIT.usage,
  confirmation_needed: EXIT.usage,
  pin_needed: EXIT.usage,
  file_unreadable: EXIT.badInput,
  file_empty: EXIT.badInput,
  file_too_large: EXIT.badInput,
  file_unwritable: EXIT.badInput,
  file_invalid: EXIT.badInput,
  token_file_exposed: EXIT.badInput,
  key_file_exposed: EXIT.badInput,
  key_missing: EXIT.usage,
  key_locked: EXIT.badInput,
  passphrase_missing: EXIT.usage,
  passphrase_weak: EXIT.badInput,
  signature_of_other_image: EXIT.badInput,
  already_there: EXIT.badInput,
  nobody_to_update: EXIT.badInput,
  stage_empty: EXIT.badInput,
  update_stopped: EXIT.conflict,
  boards_stranded: EXIT.conflict,
  argument_invalid: EXIT.badInput,
  context_unknown: EXIT.badInput,
  token_missing: EXIT.notAllowed,
  server_unknown: EXIT.server,
  server_unreachable: EXIT.server,
  server_identity_changed: EXIT.server,
  answer_invalid: EXIT.server,
  not_told: EXIT.server,
  interrupted: EXIT.interrupted,
  declined: EXIT.interrupted,
} as const;
type OwnCode = keyof typeof OWN_CODES;

/** What failed (`message`, with the value), what to do (`hint`), the code that scripts read, and how the process ends. */
export class CommandError extends Error {
  readonly code: string;
  readonly hint: string;
  readonly exitCode: ExitCode;
  /** Names the request in the server's log; undefined where no server answered. */
  readonly requestId: string | undefined;
  /** Which character of a query is at fault, from 1. */
  readonly position: number | undefined;
  /** Shown to people below the message; empty: nothing. */
  readonly lines: string;

  private constructor(
    code: string,
    message: string,
    hint: string,
    exitCode: ExitCode,
    options: {
      readonly requestId?: string | undefined;
      readonly position?: number | undefined;
      readonly lines?: string;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'CommandError';
    this.code = code;
    this.hint = hint;
    this.exitCode = exitCode;
    this.requestId = options.requestId;
    this.position = options.position;
    this.lines = options.lines ?? '';
  }

  static own(code: OwnCode, message: string, hint: string, options: { readonly cause?: unknown } = {}): CommandError {
    return new CommandError(code, message, hint, OWN_CODES[code], options);
  }

  static usage(message: string, hint: string): CommandError {
    return CommandError.own('usage', message, hint);
  }

  /** The same, with lines that show a person where. */
  showing(lines: string): CommandError {
    const { code, message, hint, exitCode, requestId, position } = this;
    return new CommandError(code, message, hint, exitCode, { requestId, position, lines, cause: this });
  }

  /** A server's error answer. The code may be newer than this program, so an unknown one counts by its status. */
  static answered(
    status: number,
    answer: {
      readonly code: string;
      readonly message: string;
      readonly hint: string;
      readonly request_id?: string | undefined;
      readonly position?: number | undefined;
    },
  ): CommandError {
    return new CommandError(answer.code, answer.message, answer.hint, exitCodeOf(status, answer.code), {
      requestId: answer.request_id,
      position: answer.position,
    });
  }
}

/** Any thrown value as the failure that is shown; what nobody expected is a bug and says so. */
export function asCommandError(thrown: unknown): CommandError {
  if (thrown instanceof CommandError) return thrown;
  if (thrown instanceof OtterError) return CommandError.answered(HTTP_STATUS[thrown.code], thrown);
  if (thrown instanceof CommanderError) return usageError(thrown);
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return CommandError.answered(0, {
    code: 'bug',
    message: `otter failed in a way that it should not: ${error.message}`,
    hint: `please report this with the lines below\n${error.stack ?? ''}`,
  });
}

function exitCodeOf(status: number, code: string): ExitCode {
  switch (code) {
    case 'bug':
      return EXIT.bug;
    case 'config_invalid':
    case 'start_refused':
      return EXIT.refusedToStart;
    // The same code as where nobody can be asked before the request.
    case 'confirmation_needed':
      return EXIT.usage;
    case 'firmware_blocked':
      return EXIT.conflict;
    // The file says something else than the command: the input is wrong, not the state of the server.
    case 'version_mismatch':
    case 'product_mismatch':
    case 'security_version_lower':
      return EXIT.badInput;
    // Another server, or one of another release.
    case 'not_found':
    case 'request_timeout':
      return EXIT.server;
    default:
      return exitCodeOfStatus(status);
  }
}

function exitCodeOfStatus(status: number): ExitCode {
  if (status === 401 || status === 403) return EXIT.notAllowed;
  if (status === 409) return EXIT.conflict;
  if (status === 429 || !(status >= 400 && status < 500)) return EXIT.server;
  return EXIT.badInput;
}

/**
 * commander writes `error: unknown command 'rolout'\n(Did you mean rollout?)` and `error: option '--x <n>' argument 'y' is
 * invalid. It wants ...`; we say the same as what failed and what to do.
 */
function usageError(error: CommanderError): CommandError {
  if (error.code === 'commander.help') return CommandError.usage('a command is missing', SEE_HELP);
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const [, invalid, wanted] = /^(.+? is invalid(?: for argument '.+?')?)\. (.+)$/.exec(first) ?? [];
  const suggestion = wanted ?? rest.join(' ').replace(/^\((.*)\)$/, '$1');
  return CommandError.usage(invalid ?? first, suggestion === '' ? SEE_HELP : suggestion);
}

const SEE_HELP = 'see `otter --help` or `otter COMMAND --help`';
