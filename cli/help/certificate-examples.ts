// Examples of the commands of certificates and keys (`otter cert ...`), as `examples.ts` has those of all others.

import type { Example } from './command-tree.ts';

export const CERTIFICATE_EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  'cert show': [['otter cert show', 'the pin that boards and people compare']],
  'cert renew': [['otter cert renew', 'the key stays, and so do the pins of boards']],
  'cert backup': [['otter cert backup', 'the second key of an older server']],
  'cert rotate start': [
    ['otter cert rotate start', 'shows both pins, asks, and signs with release.key.age'],
    ['otter cert rotate start --key release.key.age --backup-pin spki:1a2b... --yes', 'in a script'],
  ],
  'cert rotate status': [['otter cert rotate status', 'who would be lost if the server went over now']],
  'cert rotate finish': [
    ['otter cert rotate finish', 'refused while a board would be lost'],
    ['otter cert rotate finish --from /media/usb/backup.key.age', 'the live key is lost'],
  ],
  'cert stow': [['otter cert stow /media/usb/backup.key.age', 'the key goes, its pin stays']],
  'cert create': [['otter cert create --host ota.example.com --home /var/lib/otter', 'for a name of your own']],
};
