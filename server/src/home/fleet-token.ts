// Replacing the fleet token: the new one takes its place, and the one before stays valid beside it until nobody needs it any more. A
// server reads both when it starts.

import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { OtterError } from '#protocol/errors.ts';
import { createToken, formerFile } from '#server/config/tokens.ts';
import { createFiles } from './create-files.ts';

interface RotatedToken {
  readonly token: string;
  readonly file: string;
  readonly formerFile: string;
}

/** `file`: of the fleet token, if not the one that `otter init` makes. Throws `start_refused`. */
export function rotateFleetToken(home: string, file = join(home, 'data/tokens/fleet.token')): RotatedToken {
  const path = resolve(file);
  const former = formerFile(path);
  if (existsSync(former))
    throw new OtterError(
      'start_refused',
      `${former} is there: boards with that token would be locked out`,
      'when no board uses it any more (otter device list shows fleet_token: former): otter token retire fleet',
    );
  const token = createToken('fleet');
  const next = join(dirname(path), 'next-fleet.token');
  rmSync(next, { force: true });
  // In this order a power cut leaves the token of all boards valid, whichever step was the last.
  createFiles([{ path: former, text: readFileSync(path, 'utf8'), mode: 0o600 }]);
  createFiles([{ path: next, text: `${token}\n`, mode: 0o600 }]);
  renameSync(next, path);
  return { token, file: path, formerFile: former };
}

/** Resolves with whether there was one. */
export function retireFleetToken(home: string, file = join(home, 'data/tokens/fleet.token')): boolean {
  const former = formerFile(resolve(file));
  const isThere = existsSync(former);
  rmSync(former, { force: true });
  return isThere;
}
