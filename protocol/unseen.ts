// Characters that nobody sees and a terminal obeys, or that turn the direction of what stands behind them: DEL and the 8-bit controls
// (C1), the line separators, and the bidirectional embeddings, overrides and isolates. JSON leaves all of these as they are.

const UNSEEN = /[\u007F-\u009F\u2028-\u202E\u2066-\u2069]/g;

/** A text of JSON, with those written as JSON may write them too: whoever reads it gets the same. */
export function escapeUnseen(json: string): string {
  return json.replaceAll(UNSEEN, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// oxlint-disable-next-line no-control-regex -- control characters are what this looks for
const CONTROLS = new RegExp(`[\\u0000-\\u001F]|${UNSEEN.source}`, 'g');

/** A text for people, with a sign in the place of each of those, and of every other control character. */
export function withoutControls(text: string): string {
  return text.replaceAll(CONTROLS, '\uFFFD');
}
