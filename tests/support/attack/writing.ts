// What operators of a random attack write on boards: names and notes.

import type { Attack, Operation } from './operations.ts';

export const WRITING: readonly Operation[] = [
  { says: 'a board is given a name', weight: 5, run: name },
  { says: 'a note is written', weight: 2, run: note },
];

/** Few names for many boards, so that they meet. */
async function name({ world, boards }: Attack): Promise<void> {
  const { random } = world;
  const given = random.chance(0.2) ? '' : `Board ${random.integer(20)}`;
  const mac = boards[random.integer(boards.length)]?.mac ?? '';
  await world.ask('nameDevice', { params: { device: mac }, body: { name: given } });
}

async function note({ world, boards }: Attack): Promise<void> {
  const mac = boards[world.random.integer(boards.length)]?.mac ?? '';
  await world.ask('noteDevice', { params: { device: mac }, body: { note: `seen by ${world.random.integer(3)}` } });
}
