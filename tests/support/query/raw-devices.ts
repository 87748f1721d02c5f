// Many devices at once, put into the database itself: their first check-ins would take longer than what is tested.

import { openRaw } from '../server/raw-database.ts';
import type { TestServer } from '../server/server.ts';

/** Devices of this product on 1.0.0, seen just now. Their MACs begin with `0a`. */
export async function addDevicesRaw(server: TestServer, product: string, count: number): Promise<void> {
  const { query, close } = await openRaw(server, { writes: true });
  const now = server.clock.nowMs;
  const isPostgres = !server.databaseUrl.startsWith('sqlite:');
  const numbers = isPostgres
    ? `(select generate_series(1, ${count}) as i) as numbers`
    : `(with recursive numbers(i) as (select 1 union all select i + 1 from numbers where i < ${count}) select i from numbers)`;
  const hex = isPostgres ? `lpad(to_hex(i), 8, '0')` : `printf('%08x', i)`;
  const pair = (at: number): string => `substr(${hex}, ${at}, 2)`;
  const mac = `'0a:00:' || ${[1, 3, 5, 7].map(pair).join(` || ':' || `)}`;
  await query(
    `insert into devices (first_name, product, ip, current_version, chip, said_chip, on_trial, status, attributes, first_seen_at_ms)
     select ${mac}, '${product}', '127.0.0.1', '1.0.0', 'esp32', 'esp32', 0, 'ok', '{}', ${now} from ${numbers}`,
  );
  const ours = `from devices where product = '${product}' and first_name like '0a:%'`;
  await query(`insert into device_names (kind, name, device_id) select 'mac', first_name, id ${ours}`);
  await query(`insert into presence (device_id, last_seen_at_ms) select id, ${now} ${ours}`);
  // As the database does it by itself after a while.
  await query('analyze');
  await close();
}
