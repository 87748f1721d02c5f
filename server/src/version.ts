// The version of Otter, from the one place where it is written.

import { readFileSync } from 'node:fs';

const manifest: { readonly version: string } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
);

export const SERVER_VERSION = manifest.version;
