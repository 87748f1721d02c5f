// Rules about the hardware that an image was built for: a part of the table in `rules.ts`.

import { revisionsOf, revisionText, saysChip, version } from './case.ts';
import type { Rule } from './rule-shape.ts';
import { fitsRevision } from './target.ts';

export const HARDWARE_RULES = [
  {
    id: 'chip_revision',
    outcome: 'hold',
    when: 'the image is for other revisions of the chip than that of the device, whose bootloader would refuse it',
    matches: (c) => c.image !== undefined && !fitsRevision(c.image, c.facts.device.chipRevision),
    saw: (c) =>
      `revision ${revisionText(c.facts.device.chipRevision)} of ${saysChip(c)}; the image is for revisions ${revisionsOf(c.image)}`,
    change: (c) =>
      `an image of ${version(c)} for revision ${revisionText(c.facts.device.chipRevision)} of ${saysChip(c)} is uploaded and rolled out`,
  },
  {
    id: 'flash_too_small',
    outcome: 'hold',
    when: 'the image was built for more flash than the device has',
    matches: (c) =>
      c.facts.device.flashBytes !== undefined &&
      c.image?.flashBytes !== undefined &&
      !(c.image.flashBytes <= c.facts.device.flashBytes),
    saw: (c) =>
      `image for ${c.image?.flashBytes ?? 'any'} bytes of flash; the device has ${c.facts.device.flashBytes ?? 'not reported'}`,
    change: (c) => `a build for at most ${c.facts.device.flashBytes ?? 0} bytes of flash is rolled out`,
  },
] as const satisfies readonly Rule[];
