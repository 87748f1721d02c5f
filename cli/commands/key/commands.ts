// `otter key ...`: the release keys that builds are signed with.

import { addKeyCreate } from './create.ts';
import { addKeyList, addKeyRetire } from './list.ts';
import { addKeyTrust } from './trust.ts';
import { addGroup, type OtterProgram } from '#cli/program.ts';
import type { Shell } from '#cli/shell.ts';

export function addKeyCommands(program: OtterProgram, shell: Shell): void {
  const key = addGroup(program, 'key', 'release keys: what boards take builds from');
  addKeyCreate(key, shell);
  addKeyTrust(key, shell);
  addKeyList(key, shell);
  addKeyRetire(key, shell);
}
