// A fixed text field of an image: characters, a NUL, then padding.

const FIRST_PRINTABLE = 0x20;
const LAST_PRINTABLE = 0x7e;

/** The text before the first NUL; undefined when there is no NUL or a byte before it is not printable ASCII. */
export function readTextField(field: Buffer): string | undefined {
  const end = field.indexOf(0);
  if (end === -1) return undefined;
  const text = field.subarray(0, end);
  return text.every((byte) => byte >= FIRST_PRINTABLE && byte <= LAST_PRINTABLE) ? text.toString('latin1') : undefined;
}
