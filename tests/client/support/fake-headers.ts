// Where the compiler finds the library and our own small headers of the core (client/extras/test/fakes): one folder for each part
// of a core, in the order of its CMakeLists.txt.

import { join } from 'node:path';

const CLIENT = join(import.meta.dirname, '../../../client');
const PARTS = ['arduino', 'wifi', 'idf/flash', 'idf/net', 'idf/system', 'idf/tasks'];

export const LIBRARY_SOURCES = join(CLIENT, 'src');
export const FAKE_HEADERS: readonly string[] = PARTS.map((part) => join(CLIENT, 'extras/test/fakes', part));
