// Firmware as text.

import { noteText } from './note.ts';
import { relativeTime } from './relative-time.ts';
import { type Colors, formatFacts, formatTable } from '#cli/terminal.ts';
import type { Firmware, ImageInfo, UploadAnswer } from '#protocol/admin/firmware.ts';
import { NO_EXPIRY } from '#protocol/device/canonical-text.ts';
import { DEFAULT_PRODUCT } from '#protocol/words.ts';
import { OTTER } from '#cli/program-place.ts';

export function formatFirmware(firmware: Firmware, nowMs: number, colors: Colors): string {
  const facts = formatFacts(
    [
      ['product', firmware.product],
      ['version', firmware.version],
      ['state', stateOf(firmware, colors)],
      ['reason', firmware.blocked_reason ?? undefined],
      ['required version', firmware.required ? 'yes: older devices do not skip it' : undefined],
      ['channel', firmware.channel],
      ['devices', String(firmware.devices)],
      ['created', relativeTime(firmware.created_at, nowMs)],
      ['security version', String(firmware.security_version)],
      ['notes', firmware.release_notes],
      ['note', noteText(firmware.note, nowMs)],
    ],
    colors,
  );
  const images = firmware.images.map((image) => [
    image.chip,
    formatBytes(image.size_bytes),
    image.sha256,
    image.url,
    signedText(image.signed),
  ]);
  const infos = firmware.images.flatMap((image) =>
    image.info === null ? [] : [formatFacts([['image', image.url], ...infoFacts(image.info)], colors)],
  );
  return [facts, formatTable(['chip', 'size', 'sha256', 'url', 'signed by'], images, colors), ...infos].join('\n\n');
}

/** Empty where nobody did: a column of them is left out. */
function signedText(signed: Firmware['images'][number]['signed']): string {
  if (signed === null) return '';
  const until = signed.expires_at === NO_EXPIRY ? '' : ` until ${signed.expires_at}`;
  return `${signed.key_ids.join(' ')}${until}`;
}

/** What an image says of itself, line by line. */
export function infoFacts(info: ImageInfo): readonly (readonly [string, string | undefined])[] {
  return [
    ['project', info.project ?? undefined],
    ['built as', info.version ?? undefined],
    ['ESP-IDF', info.idf_version ?? undefined],
    ['compiled', info.compiled_at ?? undefined],
    ['chip revisions', revisionsText(info)],
    ['flash', info.flash_bytes === null ? undefined : `built for ${formatBytes(info.flash_bytes)}`],
    ['image signature', info.signature ?? 'none'],
  ];
}

function revisionsText({ min_chip_revision: min, max_chip_revision: max }: ImageInfo): string {
  const text = (revision: number): string => `v${Math.floor(revision / 100)}.${revision % 100}`;
  if (max === null) return min === 0 ? 'any' : `${text(min)} and later`;
  return `${text(min)} to ${text(max)}`;
}

/** What was uploaded, what the server thinks of it, and the command that comes next. */
export function formatUpload(answer: UploadAnswer, colors: Colors): string {
  const { firmware } = answer;
  return [formatUploaded(answer, colors), ...(firmware.blocked ? [] : [`next: ${nextCommand(firmware)}`])].join('\n');
}

/** The same without what comes next. */
export function formatUploaded({ firmware, image, already_there, warnings }: UploadAnswer, colors: Colors): string {
  const facts = formatFacts(
    [
      ['product', firmware.product],
      ['version', firmware.version],
      ['chip', image.chip],
      ['size', `${formatBytes(image.size_bytes)} (${image.size_bytes} bytes)`],
      ['sha256', image.sha256],
      ['state', stateOf(firmware, colors)],
    ],
    colors,
  );
  return [
    already_there ? 'already there: the same bytes were uploaded before' : colors.green('uploaded'),
    facts,
    ...warnings.map((warning) => `${colors.yellow('warning:')} ${warning}`),
  ].join('\n');
}

/** What comes after an upload: make it ready, then create a rollout. */
export function nextCommand(firmware: Firmware): string {
  const verb = firmware.pilot_ready ? 'rollout create --firmware' : 'firmware ready';
  const product = firmware.product === DEFAULT_PRODUCT ? '' : ` --product ${firmware.product}`;
  return `${OTTER} ${verb} ${firmware.version}${product}`;
}

/** One word for how far a build is. */
export function stateOf(firmware: Firmware, colors: Colors): string {
  if (firmware.blocked) return colors.red('blocked');
  if (firmware.stable) return colors.green('stable');
  return firmware.pilot_ready ? colors.cyan('pilot ready') : 'uploaded';
}

/** `3.9 MiB`, `12 KiB`, `88 bytes`. */
export function formatBytes(bytes: number): string {
  if (bytes >= MIB) return `${(bytes / MIB).toFixed(1)} MiB`;
  return bytes >= 1024 ? `${Math.round(bytes / 1024)} KiB` : `${bytes} bytes`;
}

const MIB = 1_048_576;
