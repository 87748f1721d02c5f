// The one error type of Otter and the one table of its codes. A code is a promise of the wire: it never changes its
// meaning. Expected outcomes (a hold, a repeated upload) are values, not errors.

/**
 * Code to HTTP status. The command line derives its exit code from the status (see `cli/exit-code.ts`).
 * The table is the list of codes: an `OtterError` cannot be made with a code that is not here.
 */
export const HTTP_STATUS = {
  // who asks
  token_missing: 401,
  token_invalid: 401,
  token_in_url: 401,
  wrong_scope: 403,
  token_revoked: 401,
  other_board: 403,
  not_this_board: 403,
  not_released: 403,
  session_ended: 401,
  link_used: 401,
  origin_foreign: 403,
  // the request as such
  url_invalid: 400,
  duplicate_header: 400,
  headers_too_large: 431,
  request_malformed: 400,
  request_timeout: 408,
  content_type: 415,
  encoding_invalid: 400,
  body_missing: 400,
  body_too_large: 413,
  body_incomplete: 400,
  json_invalid: 400,
  json_too_deep: 400,
  duplicate_field: 400,
  method_not_allowed: 405,
  not_found: 404,
  id_invalid: 404,
  // fields
  field_invalid: 400,
  field_unknown: 400,
  mac_invalid: 400,
  name_invalid: 400,
  mac_reserved: 400,
  version_invalid: 400,
  version_too_long: 400,
  sequence_invalid: 400,
  status_invalid: 400,
  control_char: 400,
  table_invalid: 400,
  limit_invalid: 400,
  sort_invalid: 400,
  query_invalid: 400,
  query_unknown: 404,
  query_limit: 409,
  label_dynamic: 409,
  label_in_use: 409,
  cursor_invalid: 400,
  cron_invalid: 400,
  cron_too_often: 400,
  timezone_unknown: 400,
  reason_missing: 400,
  // things that are not there
  device_unknown: 404,
  enrolment_unknown: 404,
  replacement_unknown: 404,
  recipient_unknown: 404,
  product_unknown: 404,
  budget_unknown: 404,
  label_unknown: 404,
  firmware_unknown: 404,
  key_unknown: 404,
  image_unknown: 404,
  rollout_unknown: 404,
  schedule_unknown: 404,
  session_unknown: 404,
  plan_unknown: 404,
  assignment_unknown: 404,
  // things that cannot be done now
  version_exists: 409,
  version_ambiguous: 409,
  version_mismatch: 409,
  product_mismatch: 409,
  project_mismatch: 409,
  security_version_lower: 409,
  name_taken: 409,
  name_reserved: 409,
  label_limit: 409,
  enrolment_ambiguous: 409,
  invalid_transition: 409,
  stage_moved: 409,
  gate_not_passed: 409,
  rollout_conflict: 409,
  not_pilot_ready: 409,
  firmware_needed: 409,
  signature_missing: 409,
  signature_mismatch: 409,
  signature_invalid: 422,
  signature_replaces: 409,
  key_invalid: 422,
  key_untrusted: 409,
  key_needed: 409,
  key_limit: 409,
  builds_unsigned: 409,
  configuration_invalid: 422,
  configuration_older: 409,
  firmware_blocked: 403,
  schedule_from_file: 409,
  plan_from_file: 409,
  plan_limit: 409,
  file_differs: 409,
  confirmation_needed: 409,
  // images
  empty_image: 422,
  image_truncated: 422,
  image_trailing: 422,
  image_too_large: 413,
  not_esp_image: 422,
  elf_not_bin: 422,
  uf2_not_bin: 422,
  hex_not_bin: 422,
  compressed_image: 422,
  merged_image: 422,
  bootloader_image: 422,
  partition_table: 422,
  ram_image: 422,
  esp8266_image: 422,
  encrypted_image: 422,
  filesystem_image: 422,
  mcuboot_image: 422,
  delta_patch: 422,
  lfs_pointer: 422,
  html_page: 422,
  segment_invalid: 422,
  checksum: 422,
  image_hash: 422,
  image_hash_missing: 422,
  chip_unknown: 422,
  chip_mismatch: 422,
  descriptor_invalid: 422,
  marker_invalid: 422,
  sha_mismatch: 422,
  version_missing: 422,
  // downloads
  range_invalid: 416,
  range_multiple_unsupported: 416,
  blob_corrupt: 503,
  busy: 503,
  too_many_boards: 429,
  too_many_downloads: 429,
  too_many_requests: 429,
  // the machine
  storage_full: 507,
  storage_read_only: 503,
  database_damaged: 503,
  server_outdated: 503,
  unavailable: 503,
  internal: 500,
  // refusals of backup and restore (never on the wire)
  backup_exists: 400,
  backup_damaged: 400,
  backup_newer: 400,
  passphrase_wrong: 400,
  home_in_use: 409,
  home_has_data: 409,
  // refusals to start (never on the wire)
  config_invalid: 500,
  start_refused: 500,
} as const;

export type ErrorCode = keyof typeof HTTP_STATUS;

/** What failed (`message`, with the value), what to do (`hint`), and the code that programs read. */
export class OtterError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  /** Seconds after which a repeat makes sense; sent as `Retry-After`. */
  readonly retryAfterS: number | undefined;
  /** Which character of a text is at fault, from 1; undefined: it is not about a place in a text. */
  readonly position: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    hint: string,
    options: { readonly retryAfterS?: number; readonly position?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'OtterError';
    this.code = code;
    this.hint = hint;
    this.retryAfterS = options.retryAfterS;
    this.position = options.position;
  }
}

/** Makes a forgotten case of a union a compile error, and a corrupt value at run time a loud one. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
