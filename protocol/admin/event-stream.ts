// Reads a stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6), as
// far as Otter's server sends them: lines end in LF, an id that comes without data moves the position alone.

export interface StreamMessage {
  /** What to send as `Last-Event-ID` to go on after this message; undefined where none was said yet. */
  readonly id: string | undefined;
  /** Undefined where the message only moves the position or says that the server is alive. */
  readonly data: string | undefined;
}

/** Longest line, in characters: an event has some hundred. */
const MAX_LINE_CHARS = 65_536;

/** Every message as soon as it is whole; what is cut off at the end is left out. Throws for a line that has no end. */
export async function* readEventStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<StreamMessage> {
  const decoder = new TextDecoder();
  let id: string | undefined;
  let data: string[] = [];
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_CHARS) throw new Error('a line of the event stream has no end');
    for (const line of lines) {
      const [, field, value] = /^([^:]*): ?(.*)$/.exec(line) ?? [];
      if (field === 'id') id = value;
      if (field === 'data') data.push(value ?? '');
      if (line !== '') continue;
      yield { id, data: data.length === 0 ? undefined : data.join('\n') };
      data = [];
    }
  }
}
