// `otter cert rotate start|status`: boards get to know the backup key of the server, by a configuration that is signed here with the
// release key. The server signs nothing; what it says of its pins is shown to a person before it is signed.

import type { Command } from '@commander-js/extra-typings';
import { Option } from '@commander-js/extra-typings';
import { readPin } from '#cli/arguments.ts';
import { findServerIdentity } from '#cli/connection/connection.ts';
import { CommandError } from '#cli/exit-code.ts';
import type { GlobalOptions } from '#cli/program.ts';
import { OTTER } from '#cli/program-place.ts';
import { confirm, type Session, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { type KeyOptions, openKeys } from '#cli/signing/open-keys.ts';
import { keyOption, passphraseOption } from '#cli/signing/options.ts';
import { readExpiry } from '#cli/signing/sign.ts';
import { signConfiguration } from '#cli/signing/sign-configuration.ts';
import { formatPins } from '#cli/views/pins.ts';
import { formatFacts, printable } from '#cli/terminal.ts';
import type { Pins, PinsOfProduct } from '#protocol/admin/fleet/pins.ts';
import { formatPin, type Pin } from '#protocol/pinned-https.ts';

const DAY_MS = 86_400_000;
/** One that ends sooner is signed anew. */
const RENEW_BEFORE_MS = 30 * DAY_MS;

interface StartOptions extends KeyOptions {
  readonly product?: string | undefined;
  readonly backupPin?: Pin | undefined;
  readonly expires: string;
  readonly again?: true | undefined;
  readonly yes?: true | undefined;
}

export function addRotateCommands(rotate: Command<[], Record<string, never>, GlobalOptions>, shell: Shell): void {
  rotate
    .command('start')
    .description('tell boards the pin of the backup key, in a configuration that is signed here with the release key')
    .option('--product <product>', 'boards of this product alone (every one that a release key is trusted for)')
    .addOption(keyOption())
    .addOption(passphraseOption())
    .addOption(
      new Option(
        '--backup-pin <pin>',
        'the backup pin as `otter cert show` prints it on the server: any other is refused',
      ).argParser(readPin),
    )
    .option('--expires <when>', 'boards that hear of it later do not take it: 365d, 2027-11-30 or never', '365d')
    .option('--again', 'also for products whose boards are sent the same pins already: after a change of release keys')
    .option('--yes', 'do not ask; needs --backup-pin')
    .action(async (options, command) => {
      const globals = command.optsWithGlobals();
      await withSession(shell, globals, async (session) => {
        const before = await session.client.call('getPins', {});
        const after = await start(shell, session, { options, before, live: await livePinOf(shell, globals) });
        session.show(after, () =>
          [formatPins(after, session.terminal.colors), `next: ${OTTER} cert rotate status`].join('\n\n'),
        );
      });
    });

  rotate
    .command('status')
    .description('which boards know the backup pin, and which would be lost if the server went over to that key now')
    .action(async (_options, command) => {
      await withSession(shell, command.optsWithGlobals(), async ({ client, show, terminal }) => {
        const pins = await client.call('getPins', {});
        show(pins, () => formatPins(pins, terminal.colors));
      });
    });
}

interface Start {
  readonly options: StartOptions;
  readonly before: Pins;
  readonly live: string | undefined;
}

async function start(shell: Shell, { client, terminal }: Session, { options, before, live }: Start): Promise<Pins> {
  const pins = pinsToSign(before, live, options);
  const products = productsOf(before, options);
  const outdated = products.filter((product) => options.again === true || !isCurrent(product, pins, Date.now()));
  if (outdated.length === 0) return before;
  terminal.note(
    formatFacts(
      [
        ['live pin', pins[0]],
        ['backup pin', `${pins[1]}: compare it with \`${OTTER} cert show\` on the server itself`],
        ...outdated.map(
          ({ product, devices }) =>
            ['product', `${printable(product)}: ${devices} ${devices === 1 ? 'board' : 'boards'}`] as const,
        ),
      ],
      terminal.errorColors,
    ),
  );
  if (options.yes === true && options.backupPin === undefined)
    throw CommandError.own(
      'confirmation_needed',
      'nobody compares the backup pin that the server says with that of the server itself',
      `say it: --backup-pin SPKI, as ${OTTER} cert show prints it on the server`,
    );
  await confirm(shell, options, 'Sign that boards trust both of these keys');
  const keys = await openKeys(shell, options);
  const expiresAt = readExpiry(options.expires, Date.now());
  let after = before;
  for (const { product, configuration } of outdated) {
    const unsigned = { product, sequence: nextSequence(configuration?.sequence ?? 0, Date.now()), pins, expiresAt };
    after = await client.call('configurePins', { body: signConfiguration(unsigned, keys) });
  }
  return after;
}

/** The live one is what this connection was made with, not what the server says. Errors: `server_identity_changed`, `key_missing`. */
function pinsToSign(before: Pins, live: string | undefined, { backupPin }: StartOptions): [string, string] {
  if (live !== undefined && live !== before.live)
    throw CommandError.own(
      'server_identity_changed',
      `the server says that its pin is ${before.live}, and shows ${live}`,
      'nothing was signed: look at the server, or restart it after `otter cert rotate finish`',
    );
  if (before.backup === null)
    throw CommandError.own(
      'key_missing',
      'this server has no backup key, so there is nothing to go over to',
      `on its own machine: ${OTTER} cert backup`,
    );
  if (backupPin !== undefined && formatPin(backupPin) !== before.backup)
    throw CommandError.own(
      'server_identity_changed',
      `the server says that its backup pin is ${before.backup}, not ${formatPin(backupPin)}`,
      `nothing was signed: look at \`${OTTER} cert show\` on the server itself`,
    );
  return [before.live, before.backup];
}

/** Errors: `nobody_to_update`. */
function productsOf({ products }: Pins, { product }: StartOptions): readonly PinsOfProduct[] {
  const named = products.filter((one) => product === undefined || one.product === product);
  const taking = named.filter(({ takes_configurations }) => takes_configurations);
  if (taking.length > 0) return taking;
  const who = product === undefined ? 'no product' : `product ${product}`;
  throw CommandError.own(
    'nobody_to_update',
    `${who}${product === undefined ? ' has' : ': there is no'} a trusted release key, so pins change only by firmware`,
    `put the pins that \`${OTTER} board\` prints into the sketch, and roll that build out; or begin to sign: docs/signing.md`,
  );
}

/** It says the same for long enough, and no board holds a later one, with which it does not take this one any more. */
function isCurrent({ configuration, ahead }: PinsOfProduct, pins: readonly string[], nowMs: number): boolean {
  if (ahead > 0 || configuration === null || configuration.pins.join() !== pins.join()) return false;
  return configuration.expires_at === null || Date.parse(configuration.expires_at) > nowMs + RENEW_BEFORE_MS;
}

/**
 * By the clock of this computer, so that a server that lost its database, or says what is not so, changes nothing: boards take no lower one.
 * Errors: `argument_invalid`.
 */
function nextSequence(before: number, nowMs: number): number {
  const now = Math.floor(nowMs / 1000);
  if (before <= now + DAY_MS / 1000) return Math.max(now, before + 1);
  throw CommandError.own(
    'argument_invalid',
    `the configuration that the server has was signed in the future: its number is ${before}, now would be ${now}`,
    'set the clock of this computer right. Is it right, then do not trust the server',
  );
}

/** Undefined where it is known by its certificate alone. */
async function livePinOf(shell: Shell, options: GlobalOptions): Promise<string | undefined> {
  const { pin } = await findServerIdentity(options, shell);
  return pin.kind === 'spki' ? formatPin(pin) : undefined;
}
