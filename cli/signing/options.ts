// The options of every command that signs.

import { Option } from '@commander-js/extra-typings';

export function keyOption() {
  return new Option(
    '--key <files...>',
    'key file to sign with (or OTTER_RELEASE_KEY, else release.key.age of this folder); several sign each',
  );
}

export function passphraseOption() {
  return new Option('--passphrase-file <file>', 'file with the passphrase of the key (or OTTER_KEY_PASSPHRASE)');
}
