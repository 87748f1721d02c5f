// One message by SMTP (RFC 5321), with TLS: from the first byte, or by STARTTLS, which is demanded. What decides whether a mail server may
// be reached is the very address that is connected to, as for webhooks. A server of one's own network may also be without TLS.

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { createTransport } from 'nodemailer';
import { MAIL_TIMEOUT_MS } from '#protocol/limits.ts';
import { type Posted, readableWhy } from '#server/service/events/post.ts';
import type { MailRecipient } from '#server/service/settings.ts';
import { isPrivateAddress } from '#server/values/private-address.ts';
import type { Message } from './notices.ts';
import { plainText } from './shapes.ts';

/** All steps together; a process that takes longer has lost its claim. */
const MAIL_DEADLINE_MS = 3 * MAIL_TIMEOUT_MS;

/** Never rejects: what went wrong is the outcome. `id` makes a repeat the same mail. */
export async function sendMail(
  recipient: MailRecipient,
  message: Message,
  { id, signal }: { readonly id: string; readonly signal: AbortSignal },
): Promise<Posted> {
  const { smtp, login, from, to, allowPrivate } = recipient;
  try {
    const address = await findAddress(smtp.host, allowPrivate);
    const transport = createTransport({
      host: address,
      port: smtp.port,
      secure: smtp.isTls,
      requireTLS: !smtp.isTls && !allowPrivate,
      // The address was looked up here: the certificate is still that of the name.
      tls: { ...(isIP(smtp.host) === 0 ? { servername: smtp.host } : {}), minVersion: 'TLSv1.2' },
      ...(login === undefined ? {} : { auth: { user: login.user, pass: login.password } }),
      connectionTimeout: MAIL_TIMEOUT_MS,
      greetingTimeout: MAIL_TIMEOUT_MS,
      socketTimeout: MAIL_TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    try {
      await transport.sendMail({
        from,
        to: [...to],
        subject: message.title.replaceAll(/\s+/g, ' '),
        text: `${plainText(message)}\n`,
        messageId: `<${id}@otter.invalid>`,
        headers: { 'auto-submitted': 'auto-generated' },
        signal: AbortSignal.any([signal, AbortSignal.timeout(MAIL_DEADLINE_MS)]),
      });
      return { ok: true };
    } finally {
      transport.close();
    }
  } catch (error) {
    return { ok: false, why: readableWhy(error instanceof Error ? error : new Error(String(error))) };
  }
}

/** Throws where any address of the name is not one of the internet. */
async function findAddress(host: string, allowPrivate: boolean): Promise<string> {
  const bare = host.replaceAll(/^\[|\]$/g, '');
  const addresses = isIP(bare) === 0 ? (await lookup(bare, { all: true })).map(({ address }) => address) : [bare];
  const hidden = allowPrivate ? undefined : addresses.find(isPrivateAddress);
  const [first] = addresses;
  if (hidden !== undefined || first === undefined)
    throw new Error(`${hidden ?? bare} is not an address of the internet; allow_private: true allows it`);
  return first;
}
