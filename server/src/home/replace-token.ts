// Replacing a token. Of the fleet token the one before stays valid beside the new one until no board needs it any more; of the admin
// token it ends. A server reads them when it starts.

import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
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
  // In this order a power cut leaves the token of all boards valid, whichever step was the last.
  createFiles([{ path: former, text: readFileSync(path, 'utf8'), mode: 0o600 }]);
  replaceIn(path, token);
  return { token, file: path, formerFile: former };
}

/** `file`: of the admin token. The one before is gone with it. */
export function replaceAdminToken(file: string): void {
  replaceIn(resolve(file), createToken('admin'));
}

/** The one or the other, also after a power cut. */
function replaceIn(path: string, token: string): void {
  const next = join(dirname(path), `next-${basename(path)}`);
  rmSync(next, { force: true });
  createFiles([{ path: next, text: `${token}\n`, mode: 0o600 }]);
  renameSync(next, path);
}

/** Resolves with whether there was one. */
export function retireFleetToken(home: string, file = join(home, 'data/tokens/fleet.token')): boolean {
  const former = formerFile(resolve(file));
  const isThere = existsSync(former);
  rmSync(former, { force: true });
  return isThere;
}
