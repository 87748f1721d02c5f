// The `otter` command: builds the command tree, runs one command, and turns whatever it throws into one message and one
// exit code. Apart from `start`, `serve`, `init`, `backup`, `restore`, `db`, `cert` and `simulate`, every command speaks to a server's admin API and to
// nothing else.

import { escapeUnseen } from '#protocol/unseen.ts';
import { CommanderError } from '@commander-js/extra-typings';
import { addAuditCommand } from '#cli/commands/audit.ts';
import { addBackupCommands } from '#cli/commands/backup/backup.ts';
import { addRestoreCommand } from '#cli/commands/backup/restore.ts';
import { addDatabaseCommands } from '#cli/commands/backup/database.ts';
import { addBoardCommands } from '#cli/commands/board.ts';
import { addCertCommands } from '#cli/commands/cert/commands.ts';
import { addDashboardCommands } from '#cli/commands/access/dashboard.ts';
import { addTokenCommands } from './commands/access/token.ts';
import { addDeviceCommands } from '#cli/commands/device.ts';
import { addEventsCommand } from '#cli/commands/events.ts';
import { addFirmwareCommands } from '#cli/commands/firmware/commands.ts';
import { addBudgetCommands } from '#cli/commands/budget.ts';
import { addProductCommands } from '#cli/commands/hold.ts';
import { addQueryCommands } from '#cli/commands/device/query.ts';
import { addKeyCommands } from '#cli/commands/key/commands.ts';
import { addLabelCommands } from '#cli/commands/label.ts';
import { addLoginCommands } from '#cli/commands/access/login.ts';
import { addNotifyCommands } from '#cli/commands/notify.ts';
import { addPlanCommands } from '#cli/commands/plan.ts';
import { addRolloutCommands } from '#cli/commands/rollout/commands.ts';
import { addScheduleCommands } from '#cli/commands/schedule.ts';
import { addServeCommands } from '#cli/commands/serve.ts';
import { addSimulateCommand } from '#cli/commands/simulate.ts';
import { addStatusCommand } from '#cli/commands/status.ts';
import { addUpdateCommand } from '#cli/commands/update.ts';
import { addExamples } from './help/examples.ts';
import { addHelpCommands } from './help/help-command.ts';
import { asCommandError, type CommandError, EXIT } from './exit-code.ts';
import { createProgram, type OtterProgram } from './program.ts';
import { createShell, exitQuietlyWhenOutputCloses, type Shell } from './shell.ts';
import { printable, type Terminal } from './terminal.ts';
import packageJson from '../package.json' with { type: 'json' };

/** The process `otter`: see `runCommand`. */
export async function main(args: readonly string[]): Promise<number> {
  exitQuietlyWhenOutputCloses();
  return runCommand(args, createShell);
}

/** Runs one command in this shell and resolves with the exit code, all output written; never rejects. */
export async function runCommand(
  args: readonly string[],
  shellFor: (finish: (exitCode: number) => void) => Shell,
): Promise<number> {
  let exitCode: number = EXIT.ok;
  const shell = shellFor((code) => {
    exitCode = code;
  });
  try {
    await run(args, shell);
  } catch (thrown) {
    exitCode = report(thrown, shell.terminal, { json: args.includes('--json') });
  }
  await shell.terminal.flush();
  return exitCode;
}

async function run(args: readonly string[], shell: Shell): Promise<void> {
  // Not an option of the program: that one would also take the `--version` of `firmware add`.
  const asked = args.filter((word) => word !== '--json');
  const isVersion = asked.length === 1 && (asked[0] === '--version' || asked[0] === '-V');
  if (!isVersion) await createTree(shell).parseAsync(args, { from: 'user' });
  else if (args.length === 1) shell.terminal.print(packageJson.version);
  else
    shell.terminal.print(JSON.stringify({ version: packageJson.version, node: process.versions.node }, undefined, 2));
}

/** Of a terminal, and of text that goes to none. */
const USUAL_COLUMNS = 80;

/** All commands, for whoever runs or describes them. */
export function createTree(shell: Shell): OtterProgram {
  const { terminal } = shell;
  const program = createProgram({
    write: (text) => terminal.print(text.replace(/\n$/, '')),
    warn: (text) => terminal.note(text.replace(/\n$/, '')),
    columns: Number.isFinite(terminal.columns) ? terminal.columns : USUAL_COLUMNS,
  });
  addServeCommands(program, shell);
  addBackupCommands(program, shell);
  addRestoreCommand(program, shell);
  addDatabaseCommands(program, shell);
  addStatusCommand(program, shell);
  addDashboardCommands(program, shell);
  addTokenCommands(program, shell);
  addBoardCommands(program, shell);
  addUpdateCommand(program, shell);
  addFirmwareCommands(program, shell);
  addKeyCommands(program, shell);
  addDeviceCommands(program, shell);
  addProductCommands(program, shell);
  addBudgetCommands(program, shell);
  addLabelCommands(program, shell);
  addQueryCommands(program, shell);
  addPlanCommands(program, shell);
  addRolloutCommands(program, shell);
  addScheduleCommands(program, shell);
  addEventsCommand(program, shell);
  addNotifyCommands(program, shell);
  addAuditCommand(program, shell);
  addCertCommands(program, shell);
  addSimulateCommand(program, shell);
  addLoginCommands(program, shell);
  addHelpCommands(program, shell);
  addExamples(program);
  return program;
}

/** Says what was thrown, where that is something to say, and answers the exit code. */
function report(thrown: unknown, terminal: Terminal, options: { readonly json: boolean }): number {
  // `--help` ends by an exception with exit code 0.
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok;
  const error = asCommandError(thrown);
  // `otter` or `otter device` alone: the help on stderr has said it already.
  const isSaid = thrown instanceof CommanderError && thrown.code === 'commander.help';
  if (options.json || !isSaid) showError(error, terminal, options);
  return error.exitCode;
}

/** One sentence what failed, one what to do; with `--json` the same as an object on stdout. */
function showError(error: CommandError, terminal: Terminal, options: { readonly json: boolean }): void {
  if (options.json) {
    const { code, message, hint, requestId, position } = error;
    terminal.print(
      escapeUnseen(JSON.stringify({ error: { code, message, hint, request_id: requestId, position } }, undefined, 2)),
    );
    return;
  }
  const colors = terminal.errorColors;
  terminal.progress('');
  // Ctrl-C and a no are what the person wanted, not an error.
  const title = error.exitCode === EXIT.interrupted ? '' : `${colors.red('error:')} `;
  terminal.note(title + printable(error.message));
  if (error.lines !== '') terminal.note(printable(error.lines));
  if (error.hint !== '') terminal.note(`  ${printable(error.hint)}`);
  if (error.requestId !== undefined) terminal.note(colors.dim(`  request ${printable(error.requestId)}`));
}
