// What those need that look at boards by themselves: a part of `Deps`, which holds some of them.

import type { Database } from '#server/db/database.ts';
import type { Catalog } from '#server/service/firmware/catalog.ts';
import type { Absences } from '#server/service/time/absences.ts';
import type { Settings } from './settings.ts';

export interface WatchDeps {
  readonly database: Database;
  readonly catalog: Catalog;
  readonly absences: Absences;
  readonly settings: Settings;
}
