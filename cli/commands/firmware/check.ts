// `npx otter firmware check FILE`: what a file is, and under which name it would be taken, without a server. A file that no server
// takes ends like the refusal of an upload.

import path from 'node:path';
import { readImageFile } from './image-file.ts';
import { formatBytes, infoFacts } from '#cli/views/firmware.ts';
import type { CommandGroup } from '#cli/program.ts';
import { output } from '#cli/session.ts';
import type { Shell } from '#cli/shell.ts';
import { type Colors, formatFacts, printable } from '#cli/terminal.ts';
import { OtterError } from '#protocol/errors.ts';
import type { ImageInfo } from '#protocol/admin/firmware.ts';
import { DEFAULT_PRODUCT } from '#protocol/words.ts';
import { nameBuild, type UploadClaims } from '#server/esp-image/build-name.ts';
import { type EspImage, parseEspImage } from '#server/esp-image/esp-image.ts';
import { infoOf } from '#server/esp-image/image-info.ts';

/** What `--json` prints. */
interface Checked {
  readonly file: string;
  readonly chip: string;
  readonly size_bytes: number;
  readonly sha256: string;
  readonly security_version: number;
  readonly marker: { readonly product: string; readonly version: string } | null;
  readonly info: ImageInfo;
  /** Null: an upload like this would be refused, see `refusal`. */
  readonly product: string | null;
  readonly version: string | null;
  readonly warnings: readonly string[];
  readonly refusal: { readonly code: string; readonly message: string; readonly hint: string } | null;
}

export function addFirmwareCheck(firmware: CommandGroup, shell: Shell): void {
  firmware
    .command('check <file>')
    .description('say what a file is and how it would be named, without a server')
    .option('--product <product>', 'as for `firmware add`')
    .option('--version <version>', 'as for `firmware add`')
    .option('--extract <part>', 'look at the application inside of a merged image: app, or the label of its partition')
    .action(async (name, { product, version, extract }, command) => {
      const bytes = await readImageFile(path.resolve(shell.folder, name), extract);
      const image = parseEspImage(bytes);
      const claims = { product, version, forceProduct: false, forceVersion: false };
      const checked = checkedOf(name, image, claims);
      const { show, terminal } = output(shell, command.optsWithGlobals());
      show(checked, () => formatChecked(checked, terminal.colors));
    });
}

function checkedOf(file: string, image: EspImage, claims: UploadClaims): Checked {
  return {
    file,
    chip: image.chip,
    size_bytes: image.sizeBytes,
    sha256: image.sha256,
    security_version: image.descriptor?.secureVersion ?? 0,
    marker: image.marker ?? null,
    info: infoOf(image),
    ...namedAs(image, claims),
  };
}

function namedAs(image: EspImage, claims: UploadClaims): Pick<Checked, 'product' | 'version' | 'warnings' | 'refusal'> {
  try {
    return { ...nameBuild(image, claims, DEFAULT_PRODUCT), refusal: null };
  } catch (error) {
    if (!(error instanceof OtterError)) throw error;
    const { code, message, hint } = error;
    return { product: null, version: null, warnings: [], refusal: { code, message, hint } };
  }
}

function formatChecked(checked: Checked, colors: Colors): string {
  const { marker, refusal } = checked;
  const facts = formatFacts(
    [
      ['file', checked.file],
      ['is', `an application image for ${checked.chip}`],
      ['size', `${formatBytes(checked.size_bytes)} (${checked.size_bytes} bytes)`],
      ['sha256', checked.sha256],
      ['marker', marker === null ? 'none' : `${marker.product} ${marker.version}`],
      ...infoFacts(checked.info),
      ['security version', String(checked.security_version)],
      ['product', checked.product ?? undefined],
      ['version', checked.version ?? undefined],
    ],
    colors,
  );
  const refused =
    refusal === null
      ? []
      : [`${colors.yellow('not as it is:')} ${printable(refusal.message)}\n${printable(refusal.hint)}`];
  return [facts, ...checked.warnings.map((text) => `${colors.yellow('warning:')} ${printable(text)}`), ...refused].join(
    '\n',
  );
}
