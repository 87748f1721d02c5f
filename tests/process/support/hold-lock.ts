// Another program at the database, as a backup or a shell would be: takes SQLite's write lock on the file named on its
// command line, says so, and gives it back after the milliseconds named behind it.

import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';

const [file = '', heldMs = '1000'] = process.argv.slice(2);
const database = new DatabaseSync(file, { timeout: 5_000 });
database.exec('begin immediate');
process.stdout.write('held\n');
await delay(Number(heldMs));
database.exec('rollback');
database.close();
