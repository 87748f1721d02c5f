// `otter rollout simulate`: how a rollout would go, in virtual time, by the rules of the server. It asks the server for the
// rollout, the poll interval and the size of the image; the rest happens here, and nothing is changed anywhere.

import { setImmediate as turn } from 'node:timers/promises';
import { Option } from '@commander-js/extra-typings';
import {
  type LabelCount,
  readCount,
  readDevices,
  readLabelCount,
  readPercentage,
  readPollInterval,
  readSeed,
} from '#cli/arguments.ts';
import { CommandError } from '#cli/exit-code.ts';
import type { CommandGroup } from '#cli/program.ts';
import { elapsed, formatRehearsal } from '#cli/rehearsal-view.ts';
import { type Session, withSession } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import type { Rollout } from '#protocol/admin-api.ts';
import { GENERAL_LABEL } from '#protocol/words.ts';
import type { RehearsalOptions } from '#simulator/rehearsal/rehearsal.ts';
import type { RehearsalResult } from '#simulator/rehearsal/result.ts';

/** Where the rollout's firmware has no image for this command to measure. */
const USUAL_IMAGE_BYTES = 1_048_576;
/** Between two looks at Ctrl-C: some milliseconds. */
const WORK_PER_TURN = 2_000;

type Asked = Pick<RehearsalOptions, 'devices' | 'seed' | 'failTrial' | 'silent' | 'networkFail'> & {
  readonly label?: readonly LabelCount[];
  readonly poll?: number;
  readonly speed: number;
};

export function addRolloutSimulate(rollout: CommandGroup, shell: Shell): void {
  rollout
    .command('simulate <name>')
    .description('how this rollout would go from its start on, in virtual time; no device and no server notices')
    .addOption(new Option('--devices <count>', 'how many').argParser(readDevices).default(1000))
    .addOption(chance('--fail-trial <percent>', 'share of devices on which the build fails its trial'))
    .addOption(
      chance('--silent <percent>', 'share of devices that fall silent, half before the start, half when offered'),
    )
    .addOption(chance('--network-fail <percent>', 'chance that a download breaks off; it is tried again'))
    .addOption(
      new Option(
        '--label <count>',
        'LABEL=COUNT: so many wear this label of the plan (1 %, at least 3, if not said); repeatable',
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
    .action(async (name, options, command) => {
      await withSession(shell, command.optsWithGlobals(), async (session) => {
        const { client, show, terminal } = session;
        const found = await client.call('getRollout', { params: { name } });
        const rehearsed = await optionsFor(session, found, options);
        const result = await run(session, rehearsed);
        show(result, () => formatRehearsal(found, rehearsed, result, terminal));
      });
    });
}

/** Errors: `argument_invalid` for a label that the rollout does not ask for, or that more devices would wear than there are. */
async function optionsFor({ client }: Session, rollout: Rollout, asked: Asked): Promise<RehearsalOptions> {
  const { product, version } = rollout;
  const labels = asked.label ?? [];
  refuseLabels(rollout, labels, asked.devices);
  const status = asked.poll === undefined ? await client.call('getStatus', {}) : undefined;
  const firmware = await client.call('getFirmware', { params: { version }, query: { product } });
  return {
    ...asked,
    version,
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
    pollIntervalS: asked.poll ?? status?.poll_interval_s ?? Number.NaN,
    imageBytes: Math.max(0, ...firmware.images.map(({ size_bytes }) => size_bytes)) || USUAL_IMAGE_BYTES,
    bytesPerS: asked.speed,
    labelled: new Map(labels.map(({ label, devices }) => [label, devices])),
  };
}

function refuseLabels(rollout: Rollout, labels: readonly LabelCount[], devices: number): void {
  const asked = [...new Set(rollout.stages.map(({ label }) => label))].filter((label) => label !== GENERAL_LABEL);
  for (const { label, devices: wearers } of labels) {
    if (label === GENERAL_LABEL) {
      const hint = 'leave it out; --devices says how many there are';
      throw CommandError.own('argument_invalid', `--label: ${GENERAL_LABEL} means every device`, hint);
    }
    if (!asked.includes(label)) {
      const hint = asked.length === 0 ? 'its stages take every device' : `its labels: ${asked.join(', ')}`;
      throw CommandError.own('argument_invalid', `--label: no stage of ${rollout.name} asks for label ${label}`, hint);
    }
    if (wearers > devices) {
      const message = `--label: ${wearers} devices cannot wear ${label}, there are ${devices}`;
      throw CommandError.own('argument_invalid', message, 'say a smaller number, or more --devices');
    }
  }
}

/** A turn at a time, so that Ctrl-C and the line of progress come through. Errors: `interrupted`. */
async function run({ terminal, signal }: Session, options: RehearsalOptions): Promise<RehearsalResult> {
  const { Rehearsal } = await import('#simulator/rehearsal/rehearsal.ts');
  const rehearsal = new Rehearsal(options);
  try {
    for (;;) {
      const result = rehearsal.advance(WORK_PER_TURN);
      if (result !== undefined) return result;
      await turn();
      if (signal.aborted) throw CommandError.own('interrupted', 'the simulation was stopped', 'nothing was changed');
      const { nowMs, stage, updated } = rehearsal.progress;
      terminal.progress(`+${elapsed(nowMs / 1000)}, stage ${stage}: ${updated} of ${options.devices} run the build`);
    }
  } finally {
    terminal.progress('');
  }
}

function chance<const F extends string>(flags: F, description: string) {
  return new Option(flags, description).argParser(readPercentage).default(0, '0%');
}
