// A tab that was open while the server was upgraded asks for files that are gone, and one in a bad network for files that do not come. Where
// the server answers, the page is loaded anew by itself, at most once a minute: a file that is really broken must not turn in a circle.

const KEY = 'otter-loaded-anew-at';
const PAUSE_MS = 60_000;

export function reloadWhereFilesAreGone(): void {
  // Sent by what Vite builds around each lazy import.
  addEventListener('vite:preloadError', () => void reloadOnce());
}

async function reloadOnce(): Promise<void> {
  const last = Number(sessionStorage.getItem(KEY) ?? 0);
  if (Date.now() - last < PAUSE_MS) return;
  sessionStorage.setItem(KEY, String(Date.now()));
  const answer = await fetch('/', { cache: 'no-store' }).catch(() => undefined);
  if (answer?.ok === true) location.reload();
}
