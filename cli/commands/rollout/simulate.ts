// `otter rollout simulate`: how a rollout would go, in virtual time, by the rules of the server. It asks the server for the
// rollout, the poll interval and the size of the image; the rest happens here, and nothing is changed anywhere.

import { setImmediate as turn } from 'node:timers/promises';
import { Option } from '@commander-js/extra-typings';
import {
  type LabelCount,
  readCount,
  readDevices,
  readDuration,
  readLabelCount,
  readPercentage,
  readPollInterval,
  readSeed,
} from '#cli/arguments.ts';
import { FAULTS_HELP, faultOption, type TypedFault } from '#cli/fault-option.ts';
import { CommandError } from '#cli/exit-code.ts';
import type { CommandGroup } from '#cli/program.ts';
import { elapsed, formatSimulation } from '#cli/views/simulation.ts';
import { type Session, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import type { Rollout } from '#protocol/admin/rollouts.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import type { BuildFault } from '#simulator/device/faults.ts';
import { Random } from '#simulator/random.ts';
import type { Surroundings } from '#simulator/simulation/boards/fate.ts';
import type { SimulationResult } from '#simulator/simulation/result.ts';
import type { SimulationOptions } from '#simulator/simulation/simulation.ts';

/** Where the rollout's firmware has no image for this command to measure. */
const USUAL_IMAGE_BYTES = 1_048_576;
/** Between two looks at Ctrl-C: some milliseconds. */
const WORK_PER_TURN = 2_000;

/** How long an outage is, as docs/simulation.md says. */
const OUTAGE_S = 3_600;
/** The outage begins within this time from the start, drawn from the seed. */
const OUTAGE_WITHIN_S = 8 * 3_600;

type Asked = Pick<SimulationOptions, 'devices' | 'seed' | 'silent' | 'networkFail'> & {
  readonly failTrial: number;
  readonly fault?: readonly TypedFault[];
  readonly badChip?: number;
  readonly attrition: number;
  readonly sleeping: number;
  readonly sleep: number;
  readonly outage?: number;
  readonly label?: readonly LabelCount[];
  readonly poll?: number;
  readonly speed: number;
};

export function addRolloutSimulate(rollout: CommandGroup, shell: Shell): void {
  rollout
    .command('simulate <name>')
    .description('how this rollout would go from its start on, in virtual time; no device and no server notices')
    .addOption(new Option('--devices <count>', 'how many').argParser(readDevices).default(1000))
    .addOption(chance('--fail-trial <percent>', 'the build fails its trial on so many devices, and they report it'))
    .addOption(faultOption())
    .addOption(
      new Option('--bad-chip <percent>', 'so many have another chip, and the build is bad on those alone').argParser(
        readPercentage,
      ),
    )
    .addOption(
      chance('--silent <percent>', 'share of devices that fall silent, half before the start, half when offered'),
    )
    .addOption(chance('--attrition <percent>', 'share of devices that dies by itself within a day'))
    .addOption(chance('--sleeping <percent>', 'share of devices that sleep between two checks'))
    .addOption(new Option('--sleep <length>', 'for how long they sleep').argParser(readDuration).default(21_600, '6h'))
    .addOption(
      new Option(
        '--outage <percent>',
        'share of devices on a site that has no network for an hour, once, in the first 8 h',
      ).argParser(readPercentage),
    )
    .addOption(chance('--network-fail <percent>', 'chance that a download breaks off; it is tried again'))
    .addOption(
      new Option(
        '--label <count>',
        'LABEL=COUNT: so many have this label of the plan (1 %, at least 3, if not said); repeatable',
      ).argParser(readLabelCount),
    )
    .addOption(
      new Option('--poll <length>', 'time between two checks (that of the server if not said)').argParser(
        readPollInterval,
      ),
    )
    .addOption(
      new Option('--speed <bytes>', 'bytes per second of a link; each has half to one and a half of it')
        .argParser(readCount)
        .default(50_000),
    )
    .addOption(new Option('--seed <number>', 'the same seed gives the same run').argParser(readSeed).default(1))
    .addHelpText('after', () => `\n${FAULTS_HELP}`)
    .action(async (name, options, command) => {
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const { client, show, terminal } = session;
        const found = await client.call('getRollout', { params: { name } });
        const simulated = await optionsFor(session, found, options);
        const result = await run(session, simulated);
        show(result, () => formatSimulation(found, simulated, result, terminal));
      });
    });
}

/** Errors: `argument_invalid` for a label that the rollout does not ask for, or that more devices would have than there are. */
async function optionsFor({ client }: Session, rollout: Rollout, asked: Asked): Promise<SimulationOptions> {
  const { product, version } = rollout;
  const labels = asked.label ?? [];
  refuseLabels(rollout, labels, asked.devices);
  const status = asked.poll === undefined ? await client.call('getStatus', {}) : undefined;
  const firmware = await client.call('getFirmware', { params: { version }, query: { product } });
  return {
    version,
    devices: asked.devices,
    seed: asked.seed,
    silent: asked.silent,
    networkFail: asked.networkFail,
    faults: faultsOf(asked),
    badChipShare: asked.badChip,
    surroundings: surroundingsOf(asked),
    plan: {
      stages: rollout.stages.map(
        ({ stage, label, percentage, promotion, gate, max_in_flight, max_offers_per_minute }) => ({
          name: stage,
          label,
          percentage,
          promotion,
          ...(gate === null ? {} : { gate }),
          ...(max_in_flight === null ? {} : { max_in_flight }),
          ...(max_offers_per_minute === null ? {} : { max_offers_per_minute }),
        }),
      ),
    },
    pollIntervalS: asked.poll ?? status?.poll_interval_s ?? Number.NaN,
    imageBytes: Math.max(0, ...firmware.images.map(({ size_bytes }) => size_bytes)) || USUAL_IMAGE_BYTES,
    bytesPerS: asked.speed,
    labelled: new Map(labels.map(({ label, devices }) => [label, devices])),
  };
}

function faultsOf({ failTrial, fault = [] }: Asked): readonly BuildFault[] {
  return failTrial === 0 ? fault : [{ kind: 'fails_trial', share: failTrial }, ...fault];
}

function surroundingsOf({ attrition, sleeping, sleep, outage, seed }: Asked): Surroundings {
  const startS = Math.round(new Random(seed).fork('outage').between(0, OUTAGE_WITHIN_S));
  return {
    diesPerDay: attrition,
    sleepers: sleeping,
    sleepS: sleep,
    outage: outage === undefined ? undefined : { share: outage, startS, lengthS: OUTAGE_S },
  };
}

function refuseLabels(rollout: Rollout, labels: readonly LabelCount[], devices: number): void {
  const asked = [...new Set(rollout.stages.map(({ label }) => label))].filter((label) => label !== GENERAL_LABEL);
  for (const { label, devices: count } of labels) {
    if (label === GENERAL_LABEL) {
      const hint = 'leave it out; --devices says how many there are';
      throw CommandError.own('argument_invalid', `--label: ${GENERAL_LABEL} means every device`, hint);
    }
    if (!asked.includes(label)) {
      const hint = asked.length === 0 ? 'its stages take every device' : `its labels: ${asked.join(', ')}`;
      throw CommandError.own('argument_invalid', `--label: no stage of ${rollout.name} asks for label ${label}`, hint);
    }
    if (count > devices) {
      const message = `--label: ${count} devices cannot have label ${label}, there are ${devices}`;
      throw CommandError.own('argument_invalid', message, 'say a smaller number, or more --devices');
    }
  }
}

/** A turn at a time, so that Ctrl-C and the line of progress come through. Errors: `interrupted`. */
async function run({ terminal, signal }: Session, options: SimulationOptions): Promise<SimulationResult> {
  const { Simulation } = await import('#simulator/simulation/simulation.ts');
  const simulation = new Simulation(options);
  try {
    for (;;) {
      const result = simulation.advance(WORK_PER_TURN);
      if (result !== undefined) return result;
      await turn();
      if (signal.aborted) throw CommandError.own('interrupted', 'the simulation was stopped', 'nothing was changed');
      const { nowMs, stage, updated } = simulation.progress;
      terminal.progress(`+${elapsed(nowMs / 1000)}, stage ${stage}: ${updated} of ${options.devices} run the build`);
    }
  } finally {
    terminal.progress('');
  }
}

function chance<const F extends string>(flags: F, description: string) {
  return new Option(flags, description).argParser(readPercentage).default(0, '0%');
}
