// What no log, answer, event or database may hold: the secrets of a test server, and those that a test sends to it. Every test server
// looks for them in all that it logged, in each answer, and in its database when it ends.

/** Of each, so much is looked for: the half of a token is one too many. */
const HALF = 2;
/** Tests of large fleets bring thousands of tokens; the first ones stand for all. */
const MOST = 50;

/** Shows the fleet token to whoever has the admin token: it is there to be put into a sketch. */
const SHOWS_TOKEN = /^\/api\/v1\/admin\/boards\/settings/;

export class Secrets {
  readonly #parts = new Map<string, string>();

  add(what: string, secret: string): void {
    // One that a test made of a single letter stands anywhere.
    if (this.#parts.size >= MOST || new Set(secret).size < 10) return;
    const at = secret.indexOf('_') + 1;
    this.#parts.set(secret.slice(at, at + Math.ceil((secret.length - at) / HALF)), what);
  }

  /** Of a request: its token, and the one that a board brings. */
  addSent(token: string | undefined, body: Buffer | string | undefined): void {
    if (token?.startsWith('otd_') === true) this.add('a device token', token);
    const brought = typeof body === 'string' ? /"token":"(otd_[\w-]{20,})"/.exec(body)?.[1] : undefined;
    if (brought !== undefined) this.add('a device token', brought);
  }

  /** Throws where one of them stands in it. */
  expectNotIn(where: string, text: string | Buffer): void {
    for (const [part, what] of this.#parts)
      if (text.includes(part)) throw new Error(`${what} stands in ${where}: ${aroundOf(text, part)}`);
  }

  expectNotInAnswer(path: string, body: Buffer): void {
    if (!SHOWS_TOKEN.test(path)) this.expectNotIn(`the answer of ${path}`, body);
  }
}

function aroundOf(text: string | Buffer, part: string): string {
  const at = text.indexOf(part);
  return text.toString('latin1').slice(Math.max(0, at - 200), at);
}
