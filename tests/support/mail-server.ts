// A mail server on this machine that keeps what it was sent, with TLS or without, and refuses as the test says.

import { once } from 'node:events';
import { SMTPServer } from 'smtp-server';
import { onTestFinished } from 'vitest';

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came: head and body. */
  readonly text: string;
  readonly user: string | undefined;
  readonly isSecure: boolean;
}

export interface MailServerOptions {
  readonly tls?: { readonly cert: string; readonly key: string };
  /** TLS from the first byte. */
  readonly isTls?: boolean;
  readonly login?: { readonly user: string; readonly password: string };
}

export class MailServer {
  readonly mails: Mail[] = [];
  connections = 0;
  /** It takes the connection and says nothing more. */
  isDeaf = false;
  /** What it answers to a recipient; undefined: it takes the mail. */
  refuses: string | undefined;
  readonly #server: SMTPServer;

  constructor({ tls, isTls = false, login }: MailServerOptions) {
    this.#server = new SMTPServer({
      secure: isTls,
      ...(tls === undefined ? { hideSTARTTLS: true } : tls),
      authOptional: login === undefined,
      ...(login === undefined ? { disabledCommands: ['AUTH'] } : {}),
      logger: false,
      closeTimeout: 100,
      onConnect: (_session, callback) => {
        this.connections += 1;
        if (!this.isDeaf) callback();
      },
      onAuth: ({ username, password }, _session, callback) => {
        if (username === login?.user && password === login?.password) callback(null, { user: username });
        else callback(new Error('no such user'));
      },
      onRcptTo: (_address, _session, callback) => callback(this.refuses === undefined ? null : new Error(this.refuses)),
      onData: (stream, session, callback) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          const { mailFrom, rcptTo } = session.envelope;
          this.mails.push({
            from: mailFrom === false ? '' : mailFrom.address,
            to: rcptTo.map(({ address }) => address),
            text: Buffer.concat(chunks).toString().replaceAll('=\r\n', '').replaceAll('\r\n', '\n'),
            user: session.user,
            isSecure: session.secure,
          });
          callback();
        });
      },
    });
    this.#server.on('error', () => undefined);
  }

  get port(): number {
    const address = this.#server.server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the mail server has no port');
    return address.port;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server.server, 'listening');
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** Closed when the test ends. */
export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  const server = new MailServer(options);
  await server.listen();
  onTestFinished(async () => server.close());
  return server;
}
