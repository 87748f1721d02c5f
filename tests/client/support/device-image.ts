// Builds valid images for boards that are `otter-device`: a firmware marker says what they are, and a text among the
// constants says how they behave (see client/extras/test/device). Two builds never share a digest.

import { createCipheriv, hash } from 'node:crypto';
import { buildEspImage } from '../../support/esp-image-builder.ts';
import type { LineChip } from '../../support/product-line.ts';

/** How a build behaves once a board has started it. */
export type Script = 'healthy' | 'crash' | 'crash-later' | 'hang' | 'no-network' | 'self-test' | 'restarts';

export interface DeviceImageSpec {
  readonly product: string;
  readonly version: string;
  readonly script?: Script;
  readonly chip?: LineChip;
  /** About so large, a few hundred bytes more. */
  readonly sizeBytes?: number;
  readonly securityVersion?: number;
  /** Major * 100 + minor, for the header. */
  readonly minChipRevision?: number;
  /** Another build of the same version. */
  readonly build?: string;
}

const CHIP_IDS: Readonly<Record<LineChip, number>> = { esp32: 0x0000, esp32c3: 0x0005, esp32s3: 0x0009 };
const DEFAULT_BYTES = 64 * 1024;

export function buildDeviceImage(spec: DeviceImageSpec): Buffer {
  const { product, version, script = 'healthy', chip = 'esp32', sizeBytes = DEFAULT_BYTES } = spec;
  const seed = hash('sha256', `${product} ${version} ${script} ${chip} ${spec.build ?? ''}`, 'buffer');
  return buildEspImage({
    chipId: CHIP_IDS[chip],
    minChipRevision: spec.minChipRevision ?? 0,
    descriptor: {
      version,
      projectName: product,
      secureVersion: spec.securityVersion ?? 0,
      elfSha256: seed.toString('hex'),
    },
    marker: { product, version },
    constants: `otter-device:${script};`,
    code: pseudoRandom(seed, Math.ceil(sizeBytes / 4) * 4),
  });
}

/** The same bytes for the same seed on every machine. */
function pseudoRandom(seed: Buffer, count: number): Buffer {
  return createCipheriv('aes-128-ctr', seed.subarray(0, 16), seed.subarray(16)).update(Buffer.alloc(count));
}
