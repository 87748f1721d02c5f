// What operators of a random attack do with boards as such: they write names and notes on them, and remove them.

import type { Attack, Operation } from './operations.ts';

export const WRITING: readonly Operation[] = [
  { says: 'a board is given a name', weight: 5, run: name },
  { says: 'a note is written', weight: 2, run: note },
  { says: 'a table of boards is imported', weight: 3, run: importTable },
  { says: 'a board is removed', weight: 4, run: remove },
  { says: 'a board takes the place of another', weight: 4, run: replace },
];

/** Few names for many boards, so that they meet. */
async function name({ world, boards }: Attack): Promise<void> {
  const { random } = world;
  const given = random.chance(0.2) ? '' : `Board ${random.integer(20)}`;
  await world.ask('nameDevice', { params: { device: anyMac({ world, boards }) }, body: { name: given } });
}

async function note({ world, boards }: Attack): Promise<void> {
  const text = `seen by ${world.random.integer(3)}`;
  await world.ask('noteDevice', { params: { device: anyMac({ world, boards }) }, body: { note: text } });
}

/** Names and notes of some boards, a few of them wrong. Labels are left alone: who is a pilot is another operation. */
async function importTable({ world, boards }: Attack): Promise<void> {
  const { random } = world;
  const some = boards.filter(() => random.chance(0.3));
  const lines = some.map(({ mac }) => `${mac},${random.chance(0.5) ? `Board ${random.integer(20)}` : ''},tabled`);
  const body = Buffer.from(['mac,name,note', ...lines].join('\n'));
  await world.ask('importDevices', { query: { confirm: String(random.chance(0.8)) }, body });
}

/** It goes on as before, late reports and all, and is a new one with its next check. */
async function remove({ world, boards }: Attack): Promise<void> {
  const device = anyMac({ world, boards });
  const { status } = await world.ask('removeDevice', { params: { device }, query: { confirm: 'true' } });
  if (status < 300) world.forget(device);
}

/** The one that was replaced may go on, too: nobody switched it off. */
async function replace(attack: Attack): Promise<void> {
  const { world } = attack;
  const [old, heir] = [anyMac(attack), anyMac(attack)];
  const hold = world.held.get(old);
  const { status, body } = await world.ask('replaceDevice', {
    params: { device: old },
    query: { confirm: 'true' },
    body: { by: heir },
  });
  if (status >= 300 || body['already'] === true) return;
  world.forget(old);
  if (hold !== undefined && !world.isHeld(heir)) world.held.set(heir, hold);
}

function anyMac({ world: { random }, boards }: Attack): string {
  return boards[random.integer(boards.length)]?.mac ?? '';
}
