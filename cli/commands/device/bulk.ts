// One change of every device that `--where` means: how many they are, the question, then batch after batch until it is done. Broken off,
// it has changed whole devices; typed again, it goes on.

import { Option } from '@commander-js/extra-typings';
import { readCount } from '#cli/arguments.ts';
import { CommandError } from '#cli/exit-code.ts';
import type { CommandGroup } from '#cli/program.ts';
import { confirm, type Session, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { pointing, whereOption } from '#cli/where.ts';
import type { BulkChange } from '#protocol/admin/fleet/bulk.ts';
import { deviceOrNone } from './device-argument.ts';

export interface BulkOptions {
  readonly where?: string | undefined;
  readonly limit?: number | undefined;
  readonly yes?: true | undefined;
}

export const bulkWhere = () => whereOption('instead of one device, all that a query means');
export const bulkLimit = () =>
  new Option('--limit <count>', 'with --where: at most so many devices').argParser(readCount);

interface BulkWords {
  /** What would be done: `hold`. */
  readonly ask: string;
  /** What was done: `held`. */
  readonly done: string;
}

interface BulkCommand {
  readonly name: string;
  readonly description: string;
  readonly verb: BulkChange['verb'];
  readonly words: BulkWords;
  /** Changes the one device that is meant, and says so. */
  readonly changeOne: (session: Session, ref: string, options: BulkOptions) => Promise<void>;
}

/** A command that changes one device, or all that `--where` means, and is told nothing else. */
export function addBulkCommand(device: CommandGroup, shell: Shell, bulk: BulkCommand): void {
  device
    .command(bulk.name)
    .description(bulk.description)
    .addArgument(deviceOrNone())
    .addOption(bulkWhere())
    .addOption(bulkLimit())
    .option('--yes', 'do not ask')
    .action(async (typed, options, command) => {
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const ref = oneOrWhere(typed, options);
        return ref === undefined
          ? changeMeant(session, shell, options, { verb: bulk.verb }, bulk.words)
          : bulk.changeOne(session, ref, options);
      });
    });
}

/** The device that is meant, where no query is; undefined: those of the query. Errors: `usage` for both and for none. */
export function oneOrWhere(ref: string | undefined, { where, limit }: BulkOptions): string | undefined {
  if (where === undefined && limit !== undefined)
    throw CommandError.usage('--limit is for --where', 'say --where, or leave it out');
  if (where === undefined && ref !== undefined) return ref;
  if (where !== undefined && ref === undefined) return undefined;
  throw CommandError.usage(
    ref === undefined ? 'it is not said which device' : `both ${ref} and --where are said`,
    'say one device, or --where QUERY',
  );
}

export async function changeMeant(
  { client, show, terminal }: Session,
  shell: Shell,
  { where = '', limit, yes }: BulkOptions,
  change: Omit<BulkChange, 'where' | 'limit' | 'confirm' | 'cursor'>,
  words: BulkWords,
): Promise<void> {
  const { verb, label, version } = change;
  const preview = await pointing(where, async () =>
    client.call('previewBulk', {
      query: { verb, where, label, version, limit: limit === undefined ? undefined : String(limit) },
    }),
  );
  const { matched, to_change, warnings } = preview;
  const done = (changed: number): string => `${words.done} ${devices(changed)}`;
  if (to_change === 0) {
    show({ ...preview, changed: 0 }, () => `${devices(matched)} ${matched === 1 ? 'is' : 'are'} meant; nothing to do`);
    return;
  }
  for (const warning of warnings) terminal.note(warning);
  await confirm(
    shell,
    { yes },
    `${devices(matched)} ${matched === 1 ? 'is' : 'are'} meant; ${words.ask} ${devices(to_change)}`,
  );
  let changed = 0;
  let cursor: string | undefined;
  do {
    const answer = await client.call('changeInBulk', { body: { ...change, where, limit, confirm: true, cursor } });
    changed += answer.changed;
    cursor = answer.next_cursor ?? undefined;
    if (cursor !== undefined) terminal.progress(`${done(changed)} of ${to_change}`);
  } while (cursor !== undefined);
  terminal.progress('');
  show({ ...preview, changed }, () => done(changed));
}

function devices(count: number): string {
  return `${count} ${count === 1 ? 'device' : 'devices'}`;
}
