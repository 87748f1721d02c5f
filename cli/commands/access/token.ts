// `otter token ...`: the tokens of the server on this machine. Reads and makes files; asks no server.

import { Argument } from '@commander-js/extra-typings';
import { findHome } from '#cli/connection/connection.ts';
import { getLocalServer } from '#cli/connection/local-server.ts';
import { CommandError } from '#cli/exit-code.ts';
import { addGroup, type OtterProgram } from '#cli/program.ts';
import { OTTER } from '#cli/program-place.ts';
import { confirm, output } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';

export function addTokenCommands(program: OtterProgram, shell: Shell): void {
  const token = addGroup(
    program,
    'token',
    'the fleet token, which boards enrol with, and the admin token, on the machine of the server',
  );

  token
    .command('rotate')
    .description(
      'make a new token: a fleet token stays valid beside it until it is retired, an admin token ends at once',
    )
    .addArgument(new Argument('<token>').choices(['fleet', 'admin']))

    .action(async (which, _options, command) => {
      const options = command.optsWithGlobals();
      const home = await findHome(options, shell);
      const file = await tokenFile(which, home, shell);
      if (which === 'admin') {
        const { replaceAdminToken } = await import('#server/home/replace-token.ts');
        replaceAdminToken(file);
        output(shell, options).show({ file }, () =>
          [
            `${file} holds a new admin token`,
            'restart the server: the one before ends with that, and so does every session of a browser',
            `where the command line has a login of its own: ${OTTER} login URL`,
          ].join('\n'),
        );
        return;
      }
      const { rotateFleetToken } = await import('#server/home/replace-token.ts');
      const rotated = rotateFleetToken(home, file);
      output(shell, options).show({ file: rotated.file, former_file: rotated.formerFile }, () =>
        [
          `${rotated.file} holds a new fleet token; the one before is in ${rotated.formerFile}`,
          'restart the server: both are valid then',
          `flash new boards with the new one: ${OTTER} board`,
          `when no board uses the former one any more: ${OTTER} token retire fleet`,
        ].join('\n'),
      );
    });

  token
    .command('retire')
    .description(
      'end the fleet token that was replaced: boards that still use it, and have no token of their own, are refused',
    )
    .addArgument(new Argument('<token>').choices(['fleet']))
    .option('--yes', 'do not ask')
    .action(async (_token, options, command) => {
      const all = command.optsWithGlobals();
      const home = await findHome(all, shell);
      const file = await tokenFile('fleet', home, shell);
      await confirm(
        shell,
        options,
        'boards with the former fleet token and no token of their own are refused; retire it',
      );
      const { retireFleetToken } = await import('#server/home/replace-token.ts');
      const isRetired = retireFleetToken(home, file);
      output(shell, all).show({ retired: isRetired }, () =>
        isRetired ? 'the former fleet token is retired; restart the server' : 'there is no former fleet token',
      );
    });
}

/** Errors: `already_there` where the token does not come from a file. */
async function tokenFile(token: 'fleet' | 'admin', home: string, shell: Shell): Promise<string> {
  const { fleetTokenFile, adminTokenFile } = await getLocalServer(home, shell.env);
  const file = token === 'fleet' ? fleetTokenFile : adminTokenFile;
  if (file !== undefined) return file;
  throw CommandError.own(
    'already_there',
    `the ${token} token of this server does not come from a file`,
    `put a new one where it is set (tokens.${token} of server.yml, or OTTER_${token.toUpperCase()}_TOKEN), and restart the server`,
  );
}
