// Where the compiler finds the library and our own small headers of the core (client/extras/test/fakes): one folder for each part
// of a core, in the order of its CMakeLists.txt.

import { join } from 'node:path';

const CLIENT = join(import.meta.dirname, '../../../client');
const FAKES = join(CLIENT, 'extras/test/fakes');

/** Whether the chip has Wi-Fi, none (ESP32-H2), or that of a second chip (ESP32-P4). */
export type Wifi = 'own' | 'none' | 'remote';

export const LIBRARY_SOURCES = join(CLIENT, 'src');

/** Folders of the headers that this generation of the core has for such a chip, those that differ first. */
export function fakeHeaders(core: '2.0' | '3.0' | '3.1' | '3.2' | '3.3', wifi: Wifi): readonly string[] {
  const idf = ['idf/flash', 'idf/net', 'idf/system', 'idf/tasks'];
  const parts = [
    `cores/${core}`,
    ...(wifi === 'own' ? [] : ['no_wifi']),
    'arduino',
    'wifi',
    'ethernet',
    ...(core === '2.0' ? idf : [...idf, 'idf/since_5']),
  ];
  return parts.map((part) => join(FAKES, part));
}

export const FAKE_HEADERS = fakeHeaders('3.3', 'own');
