// Keys by which every server of a database resumes the TLS sessions of the others, one for each week.

import type { Trx } from '#server/db/schema.ts';

/** The key of this week, hex: the one that is there, else `fresh`. Those before it are forgotten. */
export async function keepTicketKey(trx: Trx, week: number, fresh: string): Promise<string> {
  await trx.deleteFrom('ticket_keys').where('week', '<', week).execute();
  await trx
    .insertInto('ticket_keys')
    .values({ week, key: fresh })
    .onConflict((conflict) => conflict.column('week').doNothing())
    .execute();
  const { key } = await trx.selectFrom('ticket_keys').select('key').where('week', '=', week).executeTakeFirstOrThrow();
  return key;
}
