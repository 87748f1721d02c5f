// `otter events`: what changed of rollouts, stages and assignments, the latest last, one line each; with --follow also what
// changes from then on, over every cut of the connection.

import { escapeUnseen } from '#protocol/unseen.ts';
import { deviceText } from '#cli/views/note.ts';
import { setTimeout as wait } from 'node:timers/promises';
import { Option } from '@commander-js/extra-typings';
import { readCount } from '#cli/arguments.ts';
import { CommandError, EXIT } from '#cli/exit-code.ts';
import type { OtterProgram } from '#cli/program.ts';
import { type Session, withSession } from '#cli/session.ts';
import { localTime } from '#cli/views/relative-time.ts';
import type { Shell } from '#cli/shell.ts';
import { type Colors, printable } from '#cli/terminal.ts';
import { type Event, EVENT_FILTER_TYPES, type EventFilterType } from '#protocol/admin/events.ts';
import { DEFAULT_PAGE, MAX_PAGE } from '#protocol/limits.ts';
import { OTTER } from '#cli/program-place.ts';

/** How long to wait before the next connection, doubled each time up to the last. */
const FIRST_WAIT_MS = 1_000;
const LAST_WAIT_MS = 30_000;

/** What may be over in a while. Everything else (a token, an id that is none, another server) would stay as it is. */
const PASSING = new Set(['server_unreachable', 'busy', 'unavailable']);

interface Filter {
  readonly rollout?: string | undefined;
  readonly product?: string | undefined;
  readonly type?: EventFilterType | undefined;
}

export function addEventsCommand(program: OtterProgram, shell: Shell): void {
  program
    .command('events')
    .description('what changed of rollouts, stages, devices, products, images and servers, the latest last')
    .option('--follow', 'go on with what changes from now on, until Ctrl-C')
    .option('--after <id>', 'only what came after this event; 0 is from the beginning')
    .option('--rollout <name>', 'only events of this rollout')
    .option('--product <product>', 'only events of this product')
    .addOption(
      new Option(
        '--type <type>',
        'only this type, or rollout, stage, assignment, device, product, image, server for all of those',
      ).choices(EVENT_FILTER_TYPES),
    )
    .addOption(
      new Option(
        '--limit <count>',
        `how many to begin with, at most ${MAX_PAGE} (${DEFAULT_PAGE} if not said)`,
      ).argParser(readCount),
    )
    .action(async (options, command) => {
      const { follow, after, rollout, product, type, limit = DEFAULT_PAGE } = options;
      const filter = { rollout, product, type };
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        if (follow !== true) await showEvents(session, filter, { after, limit });
        else {
          const lastId = await followEvents(session, filter, after ?? (await showLatest(session, filter, limit)));
          // On stderr and no error: what was printed is whole, and each line of --json stays a document.
          session.terminal.note(`stopped following; go on: ${OTTER} events --follow --after ${lastId}`);
          shell.finish(EXIT.interrupted);
        }
      });
    });
}

async function showEvents(
  session: Session,
  filter: Filter,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): Promise<void> {
  const { client, terminal, json, showLong } = session;
  // The latest ones, or the first ones after that id; the latest last in both.
  const sort = after === undefined ? '-id' : 'id';
  const page = await client.call('listEvents', { query: { ...filter, after, sort, limit: String(limit) } });
  const items = after === undefined ? page.items.toReversed() : page.items;
  if (json || items.length > 0)
    await showLong({ items }, () => items.map((one) => formatEvent(one, terminal.colors)).join('\n'));
  if (json) return;
  if (items.length === 0) terminal.note('no such events');
  const last = items.at(-1);
  if (after !== undefined && page.next_cursor !== null && last !== undefined)
    terminal.note(`there are more: --after ${last.id}`);
}

/** Resolves with where to go on. */
async function showLatest(session: Session, filter: Filter, limit: number): Promise<string> {
  const { items } = await session.client.call('listEvents', {
    query: { ...filter, sort: '-id', limit: String(limit) },
  });
  for (const event of items.toReversed()) showLine(session, event);
  // Where there is none that fits yet, the first one that does is new.
  return items[0]?.id ?? '0';
}

/** Until Ctrl-C, then resolves with where to go on. Throws an answer that would not change. */
async function followEvents(session: Session, filter: Filter, after: string): Promise<string> {
  const { client, terminal, signal } = session;
  let lastId = after;
  let waitMs = FIRST_WAIT_MS;
  let hasBegun = false;
  while (!signal.aborted) {
    try {
      for await (const { id, event } of client.followEvents(filter, lastId)) {
        hasBegun = true;
        waitMs = FIRST_WAIT_MS;
        if (event !== undefined) showLine(session, event);
        lastId = id;
      }
    } catch (error) {
      if (signal.aborted) break;
      if (!hasBegun || !(error instanceof CommandError) || !PASSING.has(error.code)) throw error;
    }
    if (signal.aborted) break;
    if (waitMs === FIRST_WAIT_MS) terminal.note('the server is away; trying again');
    await wait(waitMs, undefined, { signal }).catch(() => undefined);
    waitMs = Math.min(2 * waitMs, LAST_WAIT_MS);
  }
  return lastId;
}

/** With --json a document per line: the whole has no end. */
function showLine({ terminal, json }: Session, event: Event): void {
  terminal.print(json ? escapeUnseen(JSON.stringify(event)) : formatEvent(event, terminal.colors));
}

function formatEvent(event: Event, colors: Colors): string {
  const { at, type, product, rollout, stage, mac, name, from, data } = event;
  const facts = Object.entries({ ...(from === null ? {} : { from }), ...data }).map(
    ([key, value]) => `${key}=${typeof value === 'string' && !value.includes(' ') ? value : JSON.stringify(value)}`,
  );
  const parts = [
    colors.dim(localTime(at)),
    colorType(type.padEnd(20), colors),
    rollout ?? product ?? 'server',
    stage ?? '-',
    ...(mac === null ? [] : [deviceText({ mac, name })]),
    colors.dim(facts.join(' ')),
  ];
  return printable(parts.join('  ')).trimEnd();
}

function colorType(type: string, colors: Colors): string {
  if (/halted|aborted|failed|rolled_back|rejected|timed_out/.test(type)) return colors.red(type);
  return /completed|confirmed/.test(type) ? colors.green(type) : type;
}
