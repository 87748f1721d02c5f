// Recipients for operators: who is told of what, whether that works, and a message for a test. Addresses and secrets stay here.

import type { NoticeTest, Recipient as RecipientView } from '#protocol/admin/fleet/recipients.ts';
import { OtterError } from '#protocol/errors.ts';
import { findNearest } from '#protocol/nearest.ts';
import { addAudit } from '#server/db/events/audit.ts';
import { findWebhook } from '#server/db/events/webhooks.ts';
import type { Deps } from '#server/service/deps.ts';
import { LANES, rowName } from '#server/service/events/lanes.ts';
import { actorOf, type Principal } from '#server/service/principal.ts';
import type { Recipient } from '#server/service/settings.ts';
import { toInstantOrNull } from '#server/time/instant.ts';
import { typesOf } from './notices.ts';
import { send } from './send.ts';
import { testMessage } from './shapes.ts';

export async function listRecipients(deps: Deps): Promise<RecipientView[]> {
  return Promise.all(deps.settings.recipients.map(async (recipient) => viewRecipient(deps, recipient)));
}

async function viewRecipient({ database: { read } }: Deps, recipient: Recipient): Promise<RecipientView> {
  const rows = await Promise.all(LANES.map(async (lane) => findWebhook(read, rowName(recipient.name, lane))));
  const worst = rows.toSorted((left, right) => (right?.failures ?? 0) - (left?.failures ?? 0))[0];
  return {
    name: recipient.name,
    shape: recipient.shape,
    host: recipient.shape === 'mail' ? recipient.smtp.host : recipient.url.host,
    types: [...typesOf(recipient)],
    failures: worst?.failures ?? 0,
    failing_since: toInstantOrNull(worst?.failing_since_ms ?? null),
    last_error: worst?.last_error ?? null,
  };
}

/** By this server, now, once; a failure is an answer. Throws `recipient_unknown`. */
export async function testRecipients(
  deps: Deps,
  name: string | undefined,
  by: Principal,
  nowMs: number,
): Promise<NoticeTest[]> {
  const { recipients, publicUrl } = deps.settings;
  const meant = recipients.filter((recipient) => name === undefined || recipient.name === name);
  if (meant.length === 0) throw unknownRecipient(name, recipients);
  await deps.database.write(async (trx) =>
    addAudit(trx, {
      atMs: nowMs,
      actor: actorOf(by),
      action: 'notify.test',
      subject: name ?? 'all',
      details: { recipients: meant.map((recipient) => recipient.name) },
    }),
  );
  const message = testMessage(publicUrl());
  return Promise.all(
    meant.map(async (recipient) => {
      const how = { id: `${recipient.name}.test.${nowMs}`, signal: new AbortController().signal };
      const outcome = await send(recipient, message, how);
      const { name: told, shape } = recipient;
      return outcome.ok
        ? { name: told, shape, ok: true, why: null }
        : { name: told, shape, ok: false, why: outcome.why };
    }),
  );
}

function unknownRecipient(name: string | undefined, recipients: readonly Recipient[]): OtterError {
  const names = recipients.map((recipient) => recipient.name);
  if (name === undefined || names.length === 0)
    return new OtterError(
      'recipient_unknown',
      'nobody is told anything',
      'add a list `notify` to config/server.yml, and restart',
    );
  const near = findNearest(name, names);
  const hint = near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`;
  return new OtterError('recipient_unknown', `there is no recipient ${name}`, hint);
}
