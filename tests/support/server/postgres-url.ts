// Where the PostgreSQL of this test run is, as a test asks for it (see `postgres.ts`).

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** Socket that answers with the address of the maintenance database, once PostgreSQL runs. */
    postgresSocket: string;
  }
}

/** A database that no server uses, with the present schema. */
export const TEMPLATE = 'otter_template';

/** Of the maintenance database. The first call of a test run waits until PostgreSQL has started. */
export async function postgresUrl(): Promise<string> {
  const asked = request({ socketPath: inject('postgresSocket') }).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const said = await text(answer);
  if (answer.statusCode !== 200) throw new Error(said);
  return said;
}
