// Where this program lies: in a clone, or in a package that npm installed (bin/pack.mjs). That decides how a person types its
// name, and where the home of a server is when nobody says. `npx otter` outside of a clone would fetch a stranger's program.

import { homedir } from 'node:os';
import path from 'node:path';

const FOLDER = path.resolve(import.meta.dirname, '..');
/** The package holds JavaScript. */
const IS_PACKAGE = import.meta.filename.endsWith('.js');

/** How hints write the command in this folder. */
export const OTTER = !IS_PACKAGE && isInside(FOLDER, process.cwd()) ? 'npx otter' : 'otter';

/** How hints write the first start. */
export const START = OTTER === 'otter' ? 'otter start' : 'npm start';

/** A command as the server names it, `otter rollout show 1.1.0`, as it is typed here. */
export function asTyped(command: string): string {
  return command.replace(/^otter\b/, OTTER);
}

/** The home of the server of this machine: the clone, or the user's folder for data (XDG Base Directory Specification). */
export function ownHome(env: NodeJS.ProcessEnv): string {
  if (!IS_PACKAGE) return FOLDER;
  const configured = env['XDG_DATA_HOME'] ?? '';
  const base = path.isAbsolute(configured) ? configured : path.join(env['HOME'] ?? homedir(), '.local', 'share');
  return path.join(base, 'otter');
}

function isInside(folder: string, inner: string): boolean {
  const way = path.relative(folder, inner);
  return way === '' || (!way.startsWith('..') && !path.isAbsolute(way));
}
