// What can go wrong on a board: one table for server, simulator and Arduino client. `fault` says whose doing it was;
// only faults of the firmware make a build known bad at once, and only they count against a rollout unless its gate says otherwise.

export const FAULTS = ['firmware', 'device', 'network', 'server'] as const;
export type Fault = (typeof FAULTS)[number];

export interface DeviceError {
  readonly number: number;
  readonly name: string;
  readonly text: string;
  readonly retryable: boolean;
  readonly fault: Fault;
}

const rows = [
  // network
  [10, 'no_network', 'the network is down', true, 'network'],
  [11, 'dns', 'the server name could not be resolved', true, 'network'],
  [12, 'connect', 'no TCP connection to the server', true, 'network'],
  [13, 'tls', 'the TLS handshake failed', true, 'network'],
  [14, 'pin_mismatch', 'the server showed a certificate that is not pinned', true, 'network'],
  [15, 'timeout', 'the total deadline passed', true, 'network'],
  [16, 'stalled', 'no data arrived for too long', true, 'network'],
  [17, 'connection_lost', 'the connection broke', true, 'network'],
  // http
  [20, 'http_status', 'the server answered with an unexpected status', true, 'server'],
  [21, 'http_protocol', 'the answer is not valid HTTP', true, 'server'],
  [22, 'too_large', 'the answer is larger than allowed', true, 'server'],
  [23, 'range_ignored', 'the server sent the whole image for a part', true, 'server'],
  [24, 'range_invalid', 'the server sent another part than asked for', true, 'server'],
  [25, 'auth', 'the server refused the token', true, 'server'],
  [26, 'redirect_refused', 'the server redirected; redirects are never followed', true, 'server'],
  [27, 'length', 'the answer has another length than the manifest says, or none', true, 'server'],
  // the offer
  [30, 'json', 'the answer is not valid JSON', true, 'server'],
  [31, 'manifest_syntax', 'the manifest is malformed', false, 'server'],
  [32, 'version_invalid', 'the offered version is not SemVer', false, 'server'],
  [33, 'downgrade', 'the offered version is lower and not marked as rollback', false, 'server'],
  [34, 'label', 'the offer is for other labels', false, 'server'],
  [35, 'chip', 'the image is for another chip', false, 'server'],
  [36, 'size', 'the image does not fit the OTA slot', false, 'server'],
  [37, 'known_bad', 'this build failed here before', false, 'firmware'],
  [38, 'product', 'the image is for another product', false, 'server'],
  [39, 'security_version', 'the security version is below the floor of the board or jumps too far', false, 'server'],
  // flash
  [40, 'no_ota_slot', 'the partition table has no second OTA slot', false, 'device'],
  [41, 'busy', 'another update is running on the board', true, 'device'],
  [42, 'flash_erase', 'erasing flash failed', true, 'device'],
  [43, 'flash_write', 'writing flash failed', true, 'device'],
  [44, 'flash_read', 'reading flash failed', true, 'device'],
  [45, 'hash', 'the downloaded bytes have another SHA-256', true, 'network'],
  [46, 'flash_hash', 'the bytes read back from flash have another SHA-256', true, 'firmware'],
  [47, 'image', 'the bytes are not an application image for this chip', false, 'firmware'],
  [48, 'activate', 'the bootloader library refused the image', false, 'firmware'],
  // the board
  [50, 'low_memory', 'not enough heap for TLS', true, 'device'],
  [51, 'nvs', 'the journal could not be written', true, 'device'],
  [52, 'deferred', 'the application asked to wait', true, 'device'],
  [53, 'low_power', 'the battery is too low', true, 'device'],
  [54, 'settings', 'a setting of the sketch is wrong', false, 'device'],
  // the trial
  [60, 'self_test', 'the health check of the application failed', false, 'firmware'],
  [61, 'trial_timeout', 'not confirmed in time: the build did not reach the server', false, 'firmware'],
  [62, 'crash', 'the build crashed on trial', false, 'firmware'],
  [63, 'watchdog', 'the build hung on trial', false, 'firmware'],
  [64, 'power', 'power was lost on trial', true, 'device'],
  [65, 'brownout', 'the supply voltage dropped on trial', true, 'device'],
  [66, 'boot_rejected', 'the bootloader did not accept the image', false, 'firmware'],
  [67, 'rollback_impossible', 'the bootloader cannot roll back', false, 'device'],
  // trust in the offer
  [70, 'signature', 'no release key of the board signed the manifest', false, 'server'],
  [71, 'expired', 'the manifest has expired or comes from the future', false, 'server'],
] as const satisfies readonly (readonly [number, string, string, boolean, Fault])[];

export type DeviceErrorName = (typeof rows)[number][1];

export const DEVICE_ERRORS: readonly DeviceError[] = rows.map(([number, name, text, retryable, fault]) => ({
  number,
  name,
  text,
  retryable,
  fault,
}));

const byName: ReadonlyMap<string, DeviceError> = new Map(DEVICE_ERRORS.map((error) => [error.name, error]));

/** The row of a name; undefined for a name that this table does not have (an older or newer client may send one). */
export function findDeviceError(name: string): DeviceError | undefined {
  return byName.get(name);
}
