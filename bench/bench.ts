// `npm run bench`: what Otter costs. Prints, and asserts nothing. `npm run bench -- --help` has what there is.

import { Command, InvalidArgumentError } from '@commander-js/extra-typings';
import { benchHerd } from './herd.ts';
import { benchJudging } from './judge.ts';
import { benchOperating } from './operate.ts';
import { benchRequests, QUICK, WHOLE } from './requests.ts';
import { benchSlow } from './slow.ts';

const QUICKLY = 'as little as possible: shows that it runs, and no number of it is worth a look';

function readNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('It is a whole number from 1 on.');
  return number;
}

function readDatabase(text: string): 'sqlite' | 'postgres' {
  if (text !== 'sqlite' && text !== 'postgres') throw new InvalidArgumentError('It is sqlite or postgres.');
  return text;
}

const program = new Command('npm run bench --').description(
  'what Otter costs; the figures stand in docs/performance.md',
);

program
  .command('requests', { isDefault: true })
  .description('CPU of the server for each request, beside a bare Fastify route in the same run')
  .option('--devices <numbers>', 'sizes of the fleet, separated by commas', (text) => text.split(',').map(readNumber))
  .option('--requests <number>', 'of each round', readNumber, 4_000)
  .option('--rounds <number>', 'of which the median counts', readNumber, 3)
  .option('--quick', QUICKLY, false)
  .action(async ({ devices, requests, rounds, quick }) =>
    benchRequests(
      quick
        ? { sizes: [100], requests: 32, rounds: 1, extent: QUICK }
        : { sizes: devices ?? [10_000, 100_000], requests, rounds, extent: WHOLE },
    ),
  );

program
  .command('judge')
  .description('what it costs to judge rollouts')
  .option('--devices <number>', 'in one product', readNumber, 100_000)
  .option('--database <kind>', 'sqlite or postgres', readDatabase, 'sqlite' as const)
  .option('--quick', QUICKLY, false)
  .action(async ({ devices, database, quick }) => benchJudging({ devices: quick ? 1_000 : devices, database }));

program
  .command('operate')
  .description('what an operator does with many devices')
  .option('--devices <number>', 'in one product', readNumber, 100_000)
  .option('--database <kind>', 'sqlite or postgres', readDatabase, 'sqlite' as const)
  .option('--quick', QUICKLY, false)
  .action(async ({ devices, database, quick }) => benchOperating({ devices: quick ? 200 : devices, database }));

program
  .command('slow')
  .description('how long boards wait beside 3 x 1000 clients that hardly move; eight minutes')
  .option('--quick', QUICKLY, false)
  .action(async ({ quick }) => benchSlow(quick ? { each: 20, seconds: 3 } : { each: 1_000, seconds: 60 }));

program
  .command('herd')
  .description('boards that come back after an outage of five minutes, in real time; a quarter of an hour')
  .argument('[what]', 'power: the power was away, and all start at once')
  .option('--devices <number>', 'that come back', readNumber, 10_000)
  .option('--quick', QUICKLY, false)
  .action(async (what, { devices, quick }) => {
    if (what !== undefined && what !== 'power')
      program.error(`error: ${JSON.stringify(what)} is not known: it is power, or nothing`);
    const isPowerCut = what === 'power';
    await benchHerd(quick ? { boards: 100, scale: 0.01, isPowerCut } : { boards: devices, scale: 1, isPowerCut });
  });

await program.parseAsync();
