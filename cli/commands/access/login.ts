// `otter login`, `logout` and `context ...`: the servers that a person works with, kept with pin and token, so that every command
// works from every folder. A token is asked whether it is good before it is kept.

import { AdminClient } from '#cli/connection/admin-client.ts';
import {
  checkToken,
  findGivenPin,
  findGivenToken,
  firstContact,
  type ServerIdentity,
} from '#cli/connection/connection.ts';
import { hostAndPort } from '#cli/connection/connection-error.ts';
import {
  checkContextName,
  contextNameOf,
  findContextOf,
  findUsedContext,
  getContext,
  listContexts,
  LOCAL_CONTEXT,
  removeContext,
  saveContext,
  takeIntoUse,
} from '#cli/connection/contexts.ts';
import { Argument } from '@commander-js/extra-typings';
import { readServerUrl } from '#cli/arguments.ts';
import { CommandError } from '#cli/exit-code.ts';
import { addGroup, type GlobalOptions, type OtterProgram } from '#cli/program.ts';
import { OTTER } from '#cli/program-place.ts';
import { output } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { formatTable } from '#cli/terminal.ts';
import { formatPin } from '#protocol/pinned-https.ts';

export function addLoginCommands(program: OtterProgram, shell: Shell): void {
  program
    .command('login')
    .description('keep a server with its pin and token, so that commands from every folder go there')
    .addArgument(
      new Argument('<url>', 'its address, for example https://ota.example.com:8443').argParser(readServerUrl),
    )
    .option('--name <name>', 'how the context is called (host of the address if not said)')
    .action(async (url, { name = contextNameOf(url) }, command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      checkContextName(name);
      const identity = await meet(url, options, shell);
      const token = await getToken(options, shell);
      const version = await askVersion(identity, token, shell);
      const file = await saveContext({ name, url, pin: identity.pin, token }, shell.env);
      const shown = { name, server: url.origin, pin: formatPin(identity.pin), version, file };
      output(shell, options).show(shown, () =>
        [
          `logged in to Otter ${version} at ${hostAndPort(url)}: commands go there now`,
          `kept in ${file}; back to the server of this machine: ${OTTER} context use ${LOCAL_CONTEXT}`,
        ].join('\n'),
      );
    });

  program
    .command('logout')
    .description('forget a server that was logged in to, with its token')
    .argument('[name]', 'its context (the one in use if not said)')
    .action(async (name, _options, command) => {
      const { env } = shell;
      const used = name ?? (await findUsedContext(env))?.name;
      if (used === undefined)
        throw CommandError.own('context_unknown', 'no context is in use', `${OTTER} context list shows all`);
      const { url } = await getContext(used, env);
      await removeContext(used, env);
      const inUse = (await findUsedContext(env))?.name ?? LOCAL_CONTEXT;
      output(shell, command.optsWithGlobals()).show({ removed: used, in_use: inUse }, () =>
        [`logged out of ${hostAndPort(url)}: its token is forgotten here`, `commands go to: ${inUse}`].join('\n'),
      );
    });

  addContextCommands(program, shell);
}

function addContextCommands(program: OtterProgram, shell: Shell): void {
  const context = addGroup(program, 'context', 'which of the servers that you logged in to commands go to');

  context
    .command('list')
    .description('the servers that you logged in to, and which is in use')
    .action(async (_options, command) => {
      const inUse = (await findUsedContext(shell.env))?.name ?? LOCAL_CONTEXT;
      const contexts = await listContexts(shell.env);
      const items = [
        { name: LOCAL_CONTEXT, server: null, pin: null, in_use: inUse === LOCAL_CONTEXT },
        ...contexts.map(({ name, url, pin }) => ({
          name,
          server: url.origin,
          pin: formatPin(pin),
          in_use: name === inUse,
        })),
      ];
      output(shell, command.optsWithGlobals()).show({ items }, () =>
        formatTable(
          ['', 'context', 'server', 'pin'],
          items.map((one) => [
            one.in_use ? '>' : '',
            one.name,
            one.server ?? 'the one of this machine',
            one.pin === null ? '' : `${one.pin.slice(0, 21)}...`,
          ]),
          shell.terminal.colors,
        ),
      );
    });

  context
    .command('use')
    .description('send the commands that follow to another server')
    .argument('<name>', `a context, or ${LOCAL_CONTEXT} for the server of this machine`)
    .action(async (name, _options, command) => {
      await takeIntoUse(name, shell.env);
      const where =
        name === LOCAL_CONTEXT ? 'the server of this machine' : (await getContext(name, shell.env)).url.origin;
      output(shell, command.optsWithGlobals()).show({ in_use: name }, () => `commands go to ${where}`);
    });
}

/** Who it is: the given pin, else the pin that it was kept with, else what a person has compared. */
async function meet(url: URL, options: GlobalOptions, shell: Shell): Promise<ServerIdentity> {
  const given = findGivenPin(options, shell);
  if (given !== undefined) return { url, ...given, local: undefined };
  const pin = await firstContact(url, shell);
  const before = await findContextOf(url, shell.env).catch(() => undefined);
  if (before !== undefined && formatPin(before.pin) !== formatPin(pin))
    shell.terminal.note(`its pin was ${formatPin(before.pin)} before; that one is replaced`);
  return {
    url,
    pin,
    pinSource: { is: 'what it showed before', toChange: `log in again: ${OTTER} login` },
    local: undefined,
  };
}

async function getToken(options: GlobalOptions, shell: Shell): Promise<string> {
  const token = await findGivenToken(options, shell);
  if (token !== undefined) return checkToken(token);
  if (shell.terminal.canAsk) return checkToken(await shell.terminal.askSecret('Admin token:', shell.interrupted()));
  throw CommandError.own(
    'token_missing',
    'there is no admin token, and no terminal to ask for it on',
    'set OTTER_TOKEN, or pass --token-file FILE; on the server it is in data/tokens/admin.token',
  );
}

/** The version of the server, which says that it is one and takes the token. Errors: as `AdminClient.call`. */
async function askVersion(identity: ServerIdentity, token: string, shell: Shell): Promise<string> {
  const client = new AdminClient({ ...identity, token }, shell.interrupted());
  try {
    return (await client.call('getStatus', {})).version;
  } finally {
    client.close();
  }
}
