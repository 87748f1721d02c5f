// `otter simulate`: a fleet of simulated devices against a server. The devices speak the device API with the fleet token;
// the labels are added through the admin API, as an operator would.

import path from 'node:path';
import { Option } from '@commander-js/extra-typings';
import { AdminClient } from '#cli/connection/admin-client.ts';
import { readDevices, readDuration, readLabelShare, readPercentage, readSeed } from '#cli/arguments.ts';
import { environment, findConnection, findServerIdentity, type ServerIdentity } from '#cli/connection/connection.ts';
import { readPrivateFile } from '#cli/connection/private-file.ts';
import { CommandError, EXIT } from '#cli/exit-code.ts';
import { readPublicKeyFile } from '#cli/signing/key-file.ts';
import type { GlobalOptions, OtterProgram } from '#cli/program.ts';
import { output } from '#cli/session.ts';
import { FAULTS_HELP, faultOption, type TypedFault } from '#cli/fault-option.ts';
import type { Shell } from '#cli/shell.ts';
import { printable } from '#cli/terminal.ts';
import { CHIP_NAMES } from '#protocol/device/chips.ts';
import { DEFAULT_PRODUCT } from '#protocol/words.ts';
import type { BuildFault } from '#simulator/device/faults.ts';
import type { FleetSnapshot } from '#simulator/fleet.ts';
import { fleetMacs } from '#simulator/macs.ts';
import type { SimulateOptions } from '#simulator/simulate.ts';

/** Most MACs that one labelling request may hold, see `labelDevices` in `protocol/admin/routes.ts`. */
const MACS_PER_REQUEST = 1000;
/** Boards that are removed at a time. */
const REMOVERS = 8;

export function addSimulateCommand(program: OtterProgram, shell: Shell): void {
  program
    .command('simulate')
    .description('run a fleet of simulated devices against the server')
    .addOption(new Option('--devices <count>', 'how many').argParser(readDevices).default(25))
    .addOption(
      new Option('--label <share>', 'LABEL=PERCENT: put the label on this share of them; repeatable').argParser(
        readLabelShare,
      ),
    )
    .addOption(chance('--fail-trial <percent>', 'chance that an installed build fails its trial'))
    .addOption(chance('--silent <percent>', 'share of devices that stop answering'))
    .addOption(chance('--slow <percent>', 'share of devices with a slow link'))
    .addOption(chance('--broken-download <percent>', 'chance that a download breaks off'))
    .addOption(chance('--lost-report <percent>', 'chance that a report is lost'))
    .addOption(faultOption())
    .option('--fault-version <version>', 'only this build is bad, also where it is a rollback (every new one)')
    .addOption(chance('--sleeping <percent>', 'share of devices that sleep between two checks'))
    .addOption(new Option('--sleep <length>', 'for how long they sleep').argParser(readDuration).default(21_600, '6h'))
    .addOption(
      chance('--old-client <percent>', 'share of devices with an old client: no token of their own, no uptime'),
    )
    .option('--product <product>', 'what they say they are', DEFAULT_PRODUCT)
    .option('--version <version>', 'what they run at the beginning', '1.0.0')
    .addOption(new Option('--chip <chip>', 'their chip').choices([...CHIP_NAMES.values()]).default('esp32'))
    .option('--release-key <files...>', 'public key files: they take only builds that one of these keys signed')
    .addOption(new Option('--seed <number>', 'the same seed makes the same fleet').argParser(readSeed).default(1))
    .addOption(
      new Option('--poll <length>', 'time between two checks (what the server says if not said)').argParser(
        readDuration,
      ),
    )
    .addOption(new Option('--for <length>', 'stop after this time (Ctrl-C if not said)').argParser(readDuration))
    .option('--keep', 'leave the boards on the server at the end (they are removed if not said)')
    .option('--fleet-token-file <file>', 'file with the fleet token of a remote server (or OTTER_FLEET_TOKEN)')
    .addHelpText('after', () => `\n${FAULTS_HELP}`)
    .action(async (options, command) => {
      const globals = command.optsWithGlobals();
      const identity = await findServerIdentity(globals, shell);
      const fleetToken = await findFleetToken(options.fleetTokenFile, identity, shell);
      const labels = options.label ?? [];
      const keyFiles = (options.releaseKey ?? []).map((file) => path.resolve(shell.folder, file));
      const releaseKeys = await Promise.all(keyFiles.map(readPublicKeyFile));
      const client = labels.length === 0 ? undefined : await openClient(globals, shell);
      const boards = fleetMacs(options.seed, options.devices);
      try {
        await runFleet(shell, globals, {
          ...options,
          server: identity.url,
          pin: identity.pin,
          backupPin: identity.local?.backupPin,
          fleetToken,
          releaseKeys,
          labels,
          faults: faultsOf(options.fault ?? [], options.faultVersion),
          sleepS: options.sleep,
          pollIntervalS: options.poll,
          durationS: options.for,
          onReady: client === undefined ? undefined : async (macs) => putOnLabels(client, macs),
        });
      } finally {
        client?.close();
        if (options.keep !== true) await forgetBoards(boards, globals, shell);
      }
    });
}

function faultsOf(typed: readonly TypedFault[], version: string | undefined): readonly BuildFault[] {
  return version === undefined ? typed : typed.map((fault) => ({ ...fault, version }));
}

/** Shows the fleet once a second. Errors: `server_unreachable` where not one check was answered. */
async function runFleet(
  shell: Shell,
  globals: GlobalOptions,
  fleet: Omit<SimulateOptions, 'onProgress' | 'signal'>,
): Promise<void> {
  const { show, json, signal } = output(shell, globals);
  const { simulate } = await import('#simulator/simulate.ts');
  const draw = json ? () => {} : shell.terminal.frame();
  const last = await simulate({ ...fleet, signal, onProgress: (snapshot) => draw(formatSnapshot(snapshot)) });
  if (last.polls > 0 && last.errors === last.polls) {
    const message = `no check of ${last.total} devices was answered: ${last.lastError ?? 'no reason is known'}`;
    throw CommandError.own('server_unreachable', message, 'check the address, the pin and the fleet token');
  }
  show(last, () => `ended after ${last.polls} checks`);
  if (signal.aborted) shell.finish(EXIT.interrupted);
}

async function findFleetToken(file: string | undefined, { local }: ServerIdentity, shell: Shell): Promise<string> {
  const token =
    (file === undefined ? undefined : await readPrivateFile(path.resolve(shell.folder, file))) ??
    local?.fleetToken ??
    environment(shell, 'OTTER_FLEET_TOKEN');
  if (token !== undefined) return token;
  const hint = 'set OTTER_FLEET_TOKEN, or pass --fleet-token-file FILE; on the server it is in data/tokens/fleet.token';
  throw CommandError.own('token_missing', 'there is no fleet token for this server', hint);
}

async function openClient(globals: GlobalOptions, shell: Shell): Promise<AdminClient> {
  return new AdminClient(await findConnection(globals, shell), shell.interrupted());
}

/** Creates the labels that are missing and puts them on, whatever rollout is under way; a label that exists stays as it is. */
async function putOnLabels(client: AdminClient, macsByLabel: ReadonlyMap<string, readonly string[]>): Promise<void> {
  for (const [name, macs] of macsByLabel) {
    await client.call('createLabel', { body: { name } }).catch((error: unknown) => {
      if (!(error instanceof CommandError && error.code === 'name_taken')) throw error;
    });
    for (let start = 0; start < macs.length; start += MACS_PER_REQUEST) {
      const some = macs.slice(start, start + MACS_PER_REQUEST);
      await client.call('labelDevices', { params: { name }, body: { macs: some, confirm: true } });
    }
  }
}

/** Simulated boards leave no trace. Where there is no admin token, it says how they are removed. */
async function forgetBoards(macs: readonly string[], globals: GlobalOptions, shell: Shell): Promise<void> {
  const { terminal } = shell;
  const connection = await findConnection(globals, shell).catch(() => undefined);
  if (connection === undefined) {
    terminal.note(
      `${macs.length} simulated boards stay listed: otter device remove MAC, with the admin token, removes one`,
    );
    return;
  }
  // Ctrl-C has ended the fleet; a second one ends this as well.
  const client = new AdminClient(connection, new AbortController().signal);
  const left = [...macs];
  let removed = 0;
  const work = async (): Promise<void> => {
    for (let mac = left.pop(); mac !== undefined; mac = left.pop()) {
      const isGone = await client.call('removeDevice', { params: { device: mac }, query: { confirm: 'true' } }).then(
        () => true,
        (error: unknown) => {
          if (error instanceof CommandError && error.code === 'device_unknown') return false;
          throw error;
        },
      );
      removed += isGone ? 1 : 0;
      terminal.progress(`removing simulated boards: ${removed} of ${macs.length}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: REMOVERS }, work));
    terminal.progress('');
    terminal.note(`${removed} simulated boards removed from the server; --keep leaves them`);
  } catch (error) {
    terminal.progress('');
    const why = error instanceof Error ? error.message : String(error);
    terminal.note(`${macs.length - removed} simulated boards stay listed: ${why}`);
  } finally {
    client.close();
  }
}

/** `25 devices: 20 idle, 5 trial | 1.0.0 20, 1.1.0 5 | 120 checks, 2 errors (...)`. */
function formatSnapshot(snapshot: FleetSnapshot): string {
  const states = Object.entries(snapshot.byState).map(([state, count]) => `${count} ${state}`);
  const versions = Object.entries(snapshot.byVersion).map(([version, count]) => `${version}: ${count}`);
  const errors = snapshot.lastError === undefined ? '' : `, ${snapshot.errors} failed (${snapshot.lastError})`;
  const checks = `${snapshot.polls} checks${errors}`;
  return printable(`${snapshot.total} devices: ${states.join(', ')} | ${versions.join(', ')} | ${checks}`);
}

function chance<const F extends string>(flags: F, description: string) {
  return new Option(flags, description).argParser(readPercentage).default(0, '0%');
}
