// The bucket of a device in one rollout: a stable number from 0 to 9999. A stage of 5 % takes the buckets below 500, so a
// larger percentage keeps every device of a smaller one. FNV-1a over the text, then the finalizer of MurmurHash3, since
// the MACs of one factory differ in their last digits only.

const BUCKETS = 10_000;
const FNV_OFFSET = 0x81_1c_9d_c5;
const FNV_PRIME = 0x01_00_01_93;

/** Whether the device belongs to this share of all devices. A share that is no number takes nobody. */
export function isWithinPercentage(seed: number, firstName: string, percentage: number): boolean {
  return percentage >= 100 || bucketOf(seed, firstName) < (percentage * BUCKETS) / 100;
}

/** The same for the same seed and first name for ever: what stands in databases depends on it. */
export function bucketOf(seed: number, firstName: string): number {
  let hash = FNV_OFFSET;
  for (const char of `${seed}/${firstName}`) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2_b2_ae_35);
  return ((hash ^ (hash >>> 16)) >>> 0) % BUCKETS;
}
