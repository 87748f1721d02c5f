// What somebody types, as a query: the beginning of a MAC, a name, or what it is already.

import { parseQuery } from '#protocol/query/parse.ts';

const MAC_START = /^[0-9a-f]{2}(:[0-9a-f]{0,2}){1,5}$/i;
/** What only queries have. */
const OPERATOR = /[=<>!:()"]/;

interface Typed {
  /** Undefined: everybody is meant, or it cannot be read. */
  readonly where?: string;
  readonly fault?: string;
}

export function whereOf(typed: string): Typed {
  const text = typed.trim();
  if (text === '') return {};
  if (MAC_START.test(text)) return { where: `mac = "${text}"` };
  const parsed = parseQuery(text);
  if (parsed.ok) return { where: text };
  if (!OPERATOR.test(text)) return { where: `name = "${text}*"` };
  const { position, message } = parsed.fault;
  return { fault: `At character ${position}: ${message}` };
}
