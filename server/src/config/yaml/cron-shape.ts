// The shapes of a cron line and of a time zone as people write them in configuration files, with what is wrong in words.

import { Type } from 'typebox';
import { MAX_CRON_CHARS, MAX_TIMEZONE_CHARS } from '#protocol/limits.ts';
import { type CronFault, findCronFault, findTimezoneFault } from '#server/time/cron.ts';

export const CronLine = Type.Refine(
  Type.String({ maxLength: MAX_CRON_CHARS, description: 'a cron line of five fields', examples: ['"0 2 * * *"'] }),
  (cron) => findCronFault(cron) === undefined,
  (cron) => explain(findCronFault(cron)),
);

export const Timezone = Type.Refine(
  Type.String({ maxLength: MAX_TIMEZONE_CHARS, description: 'the name of a time zone', examples: ['Europe/Berlin'] }),
  (timezone) => findTimezoneFault(timezone) === undefined,
  (timezone) => explain(findTimezoneFault(timezone)),
);

function explain(fault: CronFault | undefined): string {
  return fault === undefined ? '' : `it ${fault.message}: ${fault.hint}`;
}
