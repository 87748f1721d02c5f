// Conditions of a query as text, the way that a person would type them.

/** What needs no quotes. A version of two numbers does: without them it could mean any of those that begin so. */
const PLAIN = /^(?!(?:and|or|not)$)[\w=-][\w.:=+-]*$/i;
const SHORT_VERSION = /^v?\d+(?:\.\d+)?$/;

export type TextField = 'product' | 'chip' | 'version' | 'status' | 'label';

/** `chip:esp32c3`, `version:"1.4"`. */
export function conditionText(field: TextField, value: string): string {
  const isPlain = PLAIN.test(value) && !(field === 'version' && SHORT_VERSION.test(value));
  // No value that the server knows has a quote in it.
  return `${field}:${isPlain ? value : `"${value.replaceAll('"', '')}"`}`;
}
