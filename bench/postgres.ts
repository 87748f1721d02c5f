// A PostgreSQL for one measurement, as the tests start theirs.

import { fork } from 'node:child_process';

export async function startPostgres(): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const child = fork(new URL('../tests/support/server/postgres-process.ts', import.meta.url));
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message: { readonly url: string }) => resolve(message.url));
    child.once('exit', (code) => reject(new Error(`PostgreSQL did not start (exit code ${code})`)));
  });
  return {
    url,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await ended;
    },
  };
}
