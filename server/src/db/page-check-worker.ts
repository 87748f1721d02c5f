// A thread of its own that reads every page of a SQLite database and says what it found, then ends: `node:sqlite` would hold
// the event loop for as long as that takes. It reads the disk and not the cache of the server.

import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

const connection = new DatabaseSync(String(workerData), { readOnly: true });
try {
  const [first] = Object.values(connection.prepare('pragma quick_check(1)').get() ?? {});
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(String(first));
} finally {
  connection.close();
}
