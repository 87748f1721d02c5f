// One message to one recipient, in its shape.

import { post, type Posted } from '#server/service/events/post.ts';
import type { Recipient } from '#server/service/settings.ts';
import { SERVER_VERSION } from '#server/version.ts';
import { sendMail } from './mail.ts';
import type { Message } from './notices.ts';
import { shapeOf } from './shapes.ts';

/** Never rejects: what went wrong is the outcome. `id`: the same for a repeat. */
export async function send(
  recipient: Recipient,
  message: Message,
  how: { readonly id: string; readonly signal: AbortSignal },
): Promise<Posted> {
  if (recipient.shape === 'mail') return sendMail(recipient, message, how);
  const { url, headers, body } = shapeOf(recipient, message);
  const content = { headers: { ...headers, 'user-agent': `Otter/${SERVER_VERSION}` }, body };
  return post({ url, allowPrivate: recipient.allowPrivate }, content, how.signal);
}
