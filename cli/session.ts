// One command at work: its connection, made with the first request, and its output, as text for people or one JSON document.

import { escapeUnseen } from '#protocol/unseen.ts';
import { AdminClient } from '#cli/connection/admin-client.ts';
import { findConnection } from '#cli/connection/connection.ts';
import { CommandError } from './exit-code.ts';
import type { GlobalOptions } from './program.ts';
import type { Shell } from './shell.ts';
import type { Terminal } from './terminal.ts';

export interface Session {
  readonly client: AdminClient;
  readonly terminal: Terminal;
  readonly json: boolean;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** The result: `value` as JSON with `--json`, else the text. */
  readonly show: (value: unknown, text: () => string) => void;
  /** The same for what may be long: a terminal gets it through the pager. */
  readonly showLong: (value: unknown, text: () => string) => Promise<void>;
}

/** Runs `work` with a client for the server that the options name, and closes its connections. */
export async function withSession(
  shell: Shell,
  options: GlobalOptions,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const client = new AdminClient(await findConnection(options, shell), shell.interrupted());
  try {
    await work({ client, ...output(shell, options) });
  } finally {
    client.close();
  }
}

/** The output half of a session, for commands that ask no server. */
export function output(shell: Shell, options: Pick<GlobalOptions, 'json' | 'pager'>): Omit<Session, 'client'> {
  const json = options.json === true;
  const show: Session['show'] = (value, text) => {
    if (json) shell.terminal.print(escapeUnseen(JSON.stringify(value, undefined, 2)));
    else shell.terminal.say(text());
  };
  return {
    terminal: shell.terminal,
    json,
    signal: shell.interrupted(),
    show,
    showLong: async (value, text) => {
      if (json || !options.pager) show(value, text);
      else await shell.terminal.page(text());
    },
  };
}

/**
 * Asks before something that cannot be taken back. `--yes` answers beforehand.
 * Errors: `confirmation_needed` where nobody can be asked, `declined`.
 */
export async function confirm(shell: Shell, options: { readonly yes?: true | undefined }, what: string): Promise<void> {
  if (options.yes === true) return;
  if (!shell.terminal.canAsk) {
    throw CommandError.own(
      'confirmation_needed',
      `${what}? This needs a yes, and there is no terminal to ask on`,
      'add --yes',
    );
  }
  if (!(await shell.terminal.confirm(`${what}?`, shell.interrupted()))) {
    throw CommandError.own('declined', 'nothing was done', 'answer y, or add --yes');
  }
}
