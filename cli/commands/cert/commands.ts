// `otter cert ...`: the keys by which boards know the server.

import { addBackupKeyCommands } from './backup-key.ts';
import { addCertificateCommands } from './certificate.ts';
import { addRotateFinish } from './finish.ts';
import { addRotateCommands } from './rotate.ts';
import { addGroup, type OtterProgram } from '#cli/program.ts';
import type { Shell } from '#cli/shell.ts';

export function addCertCommands(program: OtterProgram, shell: Shell): void {
  const cert = addGroup(program, 'cert', 'certificate and keys of the server, and the pins by which boards know it');
  addCertificateCommands(cert, shell);
  addBackupKeyCommands(cert, shell);
  const rotate = cert.command('rotate').description('walk boards over to the backup key of the server');
  addRotateCommands(rotate, shell);
  addRotateFinish(rotate, shell);
}
