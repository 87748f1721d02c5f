// What can go wrong on a board: one table for server, simulator and Arduino client. `fault` says whose doing it was; only
// faults of the firmware count against a rollout unless its gate says otherwise. `weight` says what one such failure proves
// of the build on this board (docs/decisions/0001-known-bad-by-fault.md).

export const FAULTS = ['firmware', 'device', 'network', 'server'] as const;
export type Fault = (typeof FAULTS)[number];

/**
 * Of one failure: `proof` makes the build known bad on the board, `strike` does so the third time (`KNOWN_BAD_FAILURES`).
 * `not_now` says that the board will take the build later, `none` that the build had no part in it: neither ever counts.
 */
export type Weight = 'proof' | 'strike' | 'not_now' | 'none';

export interface DeviceError {
  readonly number: number;
  readonly name: string;
  readonly text: string;
  readonly retryable: boolean;
  readonly fault: Fault;
  readonly weight: Weight;
}

const rows = [
  // network
  [10, 'no_network', 'the network is down', true, 'network', 'none'],
  [11, 'dns', 'the server name could not be resolved', true, 'network', 'none'],
  [12, 'connect', 'no TCP connection to the server', true, 'network', 'none'],
  [13, 'tls', 'the TLS handshake failed', true, 'network', 'none'],
  [14, 'pin_mismatch', 'the server showed a certificate that is not pinned', true, 'network', 'none'],
  [15, 'timeout', 'the total deadline passed', true, 'network', 'none'],
  [16, 'stalled', 'no data arrived for too long', true, 'network', 'none'],
  [17, 'connection_lost', 'the connection broke', true, 'network', 'none'],
  // http
  [20, 'http_status', 'the server answered with an unexpected status', true, 'server', 'none'],
  [21, 'http_protocol', 'the answer is not valid HTTP', true, 'server', 'none'],
  [22, 'too_large', 'the answer is larger than allowed', true, 'server', 'none'],
  [23, 'range_ignored', 'the server sent the whole image for a part', true, 'server', 'none'],
  [24, 'range_invalid', 'the server sent another part than asked for', true, 'server', 'none'],
  [25, 'auth', 'the server refused the token', true, 'server', 'none'],
  [26, 'redirect_refused', 'the server redirected; redirects are never followed', true, 'server', 'none'],
  [27, 'length', 'the answer has another length than the manifest says, or none', true, 'server', 'none'],
  // the offer
  [30, 'json', 'the answer is not valid JSON', true, 'server', 'none'],
  [31, 'manifest_syntax', 'the manifest is malformed', false, 'server', 'none'],
  [32, 'version_invalid', 'the offered version is not SemVer', false, 'server', 'none'],
  [33, 'downgrade', 'the offered version is lower and not marked as rollback', false, 'server', 'none'],
  [34, 'label', 'the offer is for other labels', false, 'server', 'none'],
  [35, 'chip', 'the image is for another chip', false, 'server', 'none'],
  [36, 'size', 'the image does not fit the OTA slot', false, 'server', 'none'],
  [37, 'known_bad', 'this build failed here before', false, 'firmware', 'proof'],
  [38, 'product', 'the image is for another product', false, 'server', 'none'],
  [
    39,
    'security_version',
    'the security version is below the floor of the board or jumps too far',
    false,
    'server',
    'none',
  ],
  // flash
  [40, 'no_ota_slot', 'the partition table has no second OTA slot', false, 'device', 'strike'],
  [41, 'busy', 'another update is running on the board', true, 'device', 'not_now'],
  [42, 'flash_erase', 'erasing flash failed', true, 'device', 'strike'],
  [43, 'flash_write', 'writing flash failed', true, 'device', 'strike'],
  [44, 'flash_read', 'reading flash failed', true, 'device', 'strike'],
  [45, 'hash', 'the downloaded bytes have another SHA-256', true, 'network', 'none'],
  [46, 'flash_hash', 'the bytes read back from flash have another SHA-256', true, 'firmware', 'strike'],
  [47, 'image', 'the bytes are not an application image for this chip', false, 'firmware', 'proof'],
  [48, 'activate', 'the bootloader library refused the image', false, 'firmware', 'proof'],
  // the board
  [50, 'low_memory', 'not enough heap for TLS', true, 'device', 'strike'],
  [51, 'nvs', 'the journal could not be written', true, 'device', 'strike'],
  [52, 'deferred', 'the application asked to wait', true, 'device', 'not_now'],
  [53, 'low_power', 'the battery is too low', true, 'device', 'not_now'],
  [54, 'settings', 'a setting of the sketch is wrong', false, 'device', 'strike'],
  // the trial
  [60, 'self_test', 'the health check of the application failed', false, 'firmware', 'proof'],
  [61, 'trial_timeout', 'not confirmed in time: the build did not reach the server', true, 'firmware', 'strike'],
  [62, 'crash', 'the build crashed on trial', false, 'firmware', 'proof'],
  [63, 'watchdog', 'the build hung on trial', false, 'firmware', 'proof'],
  [64, 'power', 'power was lost on trial', true, 'device', 'strike'],
  [65, 'brownout', 'the supply voltage dropped on trial', true, 'device', 'strike'],
  [66, 'boot_rejected', 'the bootloader did not accept the image', false, 'firmware', 'proof'],
  [67, 'rollback_impossible', 'the bootloader cannot roll back', false, 'device', 'strike'],
  // trust in the offer
  [70, 'signature', 'no release key of the board signed the manifest', false, 'server', 'none'],
  [71, 'expired', 'the manifest has expired or comes from the future', false, 'server', 'none'],
  // the configuration
  [72, 'configuration', 'the configuration is malformed', false, 'server', 'none'],
  [73, 'sequence', 'the configuration is older than one that the board took', false, 'server', 'none'],
] as const satisfies readonly (readonly [number, string, string, boolean, Fault, Weight])[];

export type DeviceErrorName = (typeof rows)[number][1];

export const DEVICE_ERRORS: readonly DeviceError[] = rows.map(([number, name, text, retryable, fault, weight]) => ({
  number,
  name,
  text,
  retryable,
  fault,
  weight,
}));

const byName: ReadonlyMap<string, DeviceError> = new Map(DEVICE_ERRORS.map((error) => [error.name, error]));

/** The row of a name; undefined for a name that this table does not have (an older or newer client may send one). */
export function findDeviceError(name: string): DeviceError | undefined {
  return byName.get(name);
}
