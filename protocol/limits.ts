// Every bound of the wire and of what is stored, in one place. Server, command line, simulator and the Arduino
// client (through its generated header) use these numbers; nothing else restates them.

/** Largest application image in bytes: 3.9 MiB, just under the largest stock OTA slot of that class (0x3ED000). */
export const MAX_IMAGE_BYTES = 4_089_446;

/** Smallest file that can be an application image: 24-byte header, segment header, app descriptor, padding. */
export const MIN_IMAGE_BYTES = 288;

/** Images are hashed in blocks of this size at upload; each block is checked again before it is sent. */
export const BLOCK_BYTES = 65_536;

/**
 * Verified blocks kept in memory for all downloads together: four whole images of the largest size, so that a fleet that
 * fetches one build at different speeds reads each block from disk about once, and a small board can still be the server.
 */
export const BLOCK_CACHE_BYTES = 16 * 1_048_576;

/** A file that is being written lives for seconds; one this old was left by a crash. */
export const STALE_UPLOAD_MS = 3_600_000;

/**
 * A stored image that no firmware has had for this long is removed: uploads that were refused late, or never answered, may come
 * again. So many are removed at a time, each in a transaction that holds uploads up for a moment.
 */
export const UNNAMED_BLOB_MS = 3_600_000;
export const UNNAMED_BLOBS_AT_ONCE = 20;

/** How often the store is looked through for such images, and for what people should see there. */
export const STORE_SWEEP_MS = 600_000;

/**
 * Every stored image is read and compared again after this time, and after a stop that was none: so many bytes with each tick,
 * some 20 ms of reading and hashing. One that was damaged is looked at again sooner, somebody may have put it right.
 */
export const IMAGE_CHECK_MS = 7 * 86_400_000;
export const IMAGE_CHECK_BYTES = 8 * 1_048_576;
export const DAMAGED_CHECK_MS = 600_000;

/** Most damaged images that `otter status` names one by one. */
export const MAX_NAMED_IMAGES = 20;

/**
 * Most boards that fail to get in of which a server process knows; one more takes the place of the oldest. `otter status` calls those that
 * failed again within this time.
 */
export const MAX_BOARD_PROBLEMS = 200;
export const BOARD_PROBLEM_CALL_MS = 3_600_000;

/** Largest body of a device request, in bytes: a full check-in with eight labels stays under 1 KiB. */
export const MAX_DEVICE_BODY_BYTES = 8_192;

/** Largest JSON body of an admin request, in bytes (release notes are the longest field). */
export const MAX_ADMIN_BODY_BYTES = 65_536;

/** A JSON body must have arrived whole after this time. */
export const BODY_TIMEOUT_MS = 10_000;

/** Deepest nesting of a JSON body; the wire needs three. */
export const MAX_JSON_DEPTH = 16;

/** Largest request line plus headers, in bytes. */
export const MAX_HEADER_BYTES = 8_192;

/** Most header lines of one request. */
export const MAX_HEADER_LINES = 64;

/** Largest error answer, in bytes: a board reads it into a fixed buffer. */
export const MAX_ERROR_BYTES = 1_024;

/** A transfer slower than this, measured after the grace, is cut so that it cannot hold a slot for ever. */
export const MIN_TRANSFER_BYTES_PER_S = 512;
export const TRANSFER_GRACE_MS = 60_000;

/**
 * Downloads at a time with one device token: one, and one that broke off where the server does not know it yet. The fleet token is that of
 * many boards, so it has no such bound.
 */
export const MAX_DOWNLOADS_OF_TOKEN = 2;

/**
 * Requests of one connection that are not answered to the end: each holds some 5 KB until those before it have been read, and
 * 64 KB on the wire are a thousand of them. Browsers and boards send the next one when they have the answer.
 */
export const MAX_OPEN_ANSWERS = 4;

/**
 * An answer over this many bytes is sent in slices, at the pace of its reader, and to this many readers at once: so many
 * with a token, so many without. A browser that opens `/docs` takes two places for a moment.
 */
export const LARGE_ANSWER_BYTES = 65_536;
export const MAX_LARGE_ANSWERS = 32;

/**
 * Of one address, unless `limits.per_address` of server.yml says otherwise: requests, and new connections, in a second. A whole fleet may be
 * behind one router: 120 000 boards that ask every ten minutes are 200 in a second. So many seconds' worth may come at once, so that no
 * second has more than twice the rate, also when a whole fleet comes back.
 */
export const DEFAULT_PER_ADDRESS = 200;
export const ADDRESS_BURST_S = 1;

/**
 * TLS handshakes under way: of one address as many as it may begin in so many seconds, for a board takes up to three for one; of all together as
 * many as of so many addresses. A server does one in a millisecond, so the last of them waits for two seconds.
 */
export const MAX_HANDSHAKE_S = 4;
export const HANDSHAKES_OF_ADDRESSES = 2;

/** Whom each bound of a rate remembers, some 150 bytes each: networks (an IPv4 address, 64 bits of an IPv6 one), tokens, boards. */
export const MAX_REMEMBERED = 20_000;

/** One address may have this share of all connections open. */
export const MAX_SHARE_OF_CONNECTIONS = 0.5;

/**
 * Wrong tokens of one address in a minute, and unknown ones that boards made themselves: a server that was restored may have to
 * tell 10 000 boards behind one router that they must enrol again, which takes 17 minutes then.
 */
export const MAX_WRONG_TOKENS_PER_MIN = 10;
export const MAX_UNKNOWN_BOARD_TOKENS_PER_MIN = 600;

/** Who is told to come later comes this much later still, by chance: as long again, but from this to that. */
export const MIN_RETRY_SPREAD_S = 30;
export const MAX_RETRY_SPREAD_S = 600;

/** Longest version text that a device may report. */
export const MAX_REPORTED_VERSION_CHARS = 64;

/** Longest version of a firmware: what `esp_app_desc_t.version` holds with its NUL. */
export const MAX_VERSION_CHARS = 31;

/** Largest answer to a check-in, in bytes: a board reads it whole into a fixed buffer. */
export const MAX_OFFER_BYTES = 4_096;

/** Release notes in an offer are cut to this (code points); the whole text stands in `manifest.json`. */
export const MAX_OFFER_NOTES_CHARS = 200;

/** So much less of them for each signature, so that the answer stays as large as it was: 184 bytes, which one takes with its expiry. */
export const OFFER_NOTES_CHARS_OF_SIGNATURE = 46;

/** Most signatures of one manifest: a board tries each, some 0.1 s, and reads the answer into 4 KiB. */
export const MAX_SIGNATURES = 4;

/** Most pins of one configuration: the live key and the backup key of a server. */
export const MAX_CONFIGURATION_PINS = 2;

/** Most pins of a sketch. */
export const MAX_SKETCH_PINS = 3;

/** Most release keys of a server, retired ones too, of which the oldest makes room for a new one; longest public key in PEM; builds that one request signs, some 500 bytes each. */
export const MAX_RELEASE_KEYS = 50;
export const MAX_PUBLIC_KEY_CHARS = 1_000;
export const MAX_SIGNED_AT_ONCE = 100;

/** So long before the signature of a build ends, `otter status` calls a person. */
export const EXPIRY_WARN_MS = 30 * 86_400_000;

/** Longest signed manifest in the query of an upload: 600 bytes, and 150 for each signature. */
export const MAX_SIGNED_CHARS = 1_500;

/** A security version that rises by more at once would lock out every later build; a board refuses it. */
export const MAX_SECURITY_VERSION_STEP = 1_000;

/** Longest product, label, rollout or schedule name. */
export const MAX_NAME_CHARS = 32;

/**
 * Longest query for devices: more than anybody types, and with every character escaped it still fits into an address. So many
 * conditions, so deep in each other, are far below what SQLite reads as one expression.
 */
export const MAX_QUERY_CHARS = 1_000;
export const MAX_QUERY_CONDITIONS = 50;
export const MAX_QUERY_DEPTH = 16;

/**
 * Devices of one transaction that changes many, some tens of milliseconds in which no other writes; and such transactions of one request,
 * so that it is answered before anybody takes the server for dead.
 */
export const BULK_BATCH = 1_000;
export const BULK_BATCHES = 10;

/** Keys of devices that one statement counts, some 20 ms: boards are answered between two of them. */
export const COUNT_RANGE = 10_000;

/** Most values of one kind that are counted for an answer, the largest numbers first: nobody reads more. */
export const MAX_NUMBERED_VALUES = 50;

/** Most queries that are kept by a name; and most conditions of a query with all that it refers to. */
export const MAX_SAVED_QUERIES = 50;
export const MAX_EXPANDED_CONDITIONS = 200;

/** Most labels with a query: each is asked of every device that says something new, and of all of them once in this time. */
export const MAX_DYNAMIC_LABELS = 16;
export const REGROUP_MS = 60_000;

/** Keys of devices of one statement that looks for misplaced ones: some milliseconds. */
export const REGROUP_RANGE = 2_000;

/** Most labels that a device has: every offer lists them all, and 32 of the longest take 1.1 KiB of its 4 KiB. */
export const MAX_DEVICE_LABELS = 32;

/** Most labels that a device may send with a check-in. */
export const MAX_LABEL_HINTS = 8;

/**
 * Requests with one device token in a minute, and changes for one board by the fleet token: so many at once, and so many over time. An update makes
 * some twenty; simulated boards that live fast make a few in a second. It is a hundredth of what a server can do.
 */
export const MAX_BOARD_REQUESTS_PER_MIN = 600;
export const MAX_BOARD_CHANGES_PER_MIN = 600;

/** Enrolments of one board that wait for a person. */
export const MAX_PENDING_ENROLMENTS = 4;
/** One that nobody repeated for so long is forgotten; a board repeats it every hour. */
export const PENDING_ENROLMENT_MS = 604_800_000;
/** A board asks to enrol at most so often. An operator lets one in for as long, and until its check after that. */
export const ENROL_AGAIN_MS = 3_600_000;

/** For so long after a rollout was aborted `otter status` names the boards that are silent since. */
export const ABANDONED_CALL_MS = 604_800_000;

/** Longest name that an operator gives a device, and longest note on a device, a firmware or a rollout (code points). */
export const MAX_GIVEN_NAME_CHARS = 64;
export const MAX_NOTE_CHARS = 1_000;

/** Largest file of `otter device import`, in bytes: 100 000 boards with names, labels and short notes. */
export const MAX_TABLE_BYTES = 16 * 1_048_576;

/** Lines of such a file that one transaction changes; faults and changes of it that one answer names. */
export const TABLE_LINES_AT_ONCE = 1_000;
export const MAX_TABLE_FAULTS = 100;
export const MAX_TABLE_CHANGES = 100;

/** Longest label description or audit reason, and longest release notes. */
export const MAX_DESCRIPTION_CHARS = 200;
export const MAX_NOTES_CHARS = 4_000;

/** Longest free text of a report (`detail`). */
export const MAX_DETAIL_CHARS = 200;

/** Largest report sequence number (uint32). */
export const MAX_SEQUENCE = 4_294_967_295;

/** Reports of one assignment that are known when they are repeated: five times as many as a board has to send. */
export const MAX_KEPT_SEQUENCES = 32;

/**
 * Reports that repeat a number and say something else: noted once in this time for a board, and called by `otter status` for so long after
 * the last note.
 */
export const REPORTS_DIFFER_NOTE_MS = 3_600_000;
export const REPORTS_DIFFER_CALL_MS = 86_400_000;

/** Poll interval in seconds: shortest and longest that the server may send. */
export const MIN_POLL_INTERVAL_S = 30;
export const MAX_POLL_INTERVAL_S = 86_400;

/** Largest page of a list. */
export const MAX_PAGE = 500;
export const DEFAULT_PAGE = 50;

/** Back-off after a failed attempt: the first wait, doubled each time up to the last. */
export const FIRST_BACK_OFF_MS = 60_000;
export const LAST_BACK_OFF_MS = 6 * 3_600_000;

/** A board that was busy, or short of power, is asked again at least this often: about one poll, which costs it little. */
export const NOT_NOW_BACK_OFF_MS = 15 * 60_000;

/** Most stages of a plan; most plans in `config/plans.yaml`, and as many again made by the API. */
export const MAX_PLAN_STAGES = 10;
export const MAX_PLANS = 100;

/** Longest time that a stage soaks, in seconds: 30 days. */
export const MAX_SOAK_S = 2_592_000;

/** Faults of the audit that one answer names: each is a short line, and the first say where to look. */
export const MAX_AUDIT_FAULTS = 100;

/** Longest cron line and longest name of a time zone. */
export const MAX_CRON_CHARS = 100;
export const MAX_TIMEZONE_CHARS = 64;
/** Longest time of a one-time schedule: an instant with seconds and offset has 25 characters. */
export const MAX_AT_CHARS = 30;

/** Days to come of which an answer names the runs of schedules, unless it is asked for fewer; and the most runs of one schedule in it. */
export const SCHEDULE_DAYS = 14;
export const MAX_SCHEDULE_RUNS = 100;

/** Longest window, in seconds: 7 days. */
export const MAX_WINDOW_S = 604_800;

/** A device that an open stage waits for polls so many times as often, one for which nothing is due so many times as seldom. */
export const POLL_HASTE = 4;
export const POLL_REST = 2;

/** A build that failed this often on one device, in a way that counts (`strike` in `device-errors.ts`), is known bad there. */
export const KNOWN_BAD_FAILURES = 3;

/** A board that crashed is not healthy before it has run this long without, however short the soak of its stage is. */
export const CRASH_MEMORY_MS = 600_000;

/** A complete rollout is watched for so long, in seconds, unless its plan says otherwise; and the longest that a plan may say. */
export const DEFAULT_WATCH_S = 86_400;
export const MAX_WATCH_S = 2_592_000;

/** Boards first seen this long before a rollout starts count in its gates; in a younger product those seen before the start. */
export const NEWCOMER_MS = 86_400_000;

/** Of the reason for which an application puts an offer off. */
export const MAX_POSTPONED_CHARS = 64;

/** Longest time for which an offer is optional: 90 days. */
export const MAX_FORCE_AFTER_S = 7_776_000;

/** So long an operator's order to offer now stands where the board does not come. */
export const OFFER_NOW_MS = 86_400_000;

/** So many checks that cannot be of one board make two boards with one MAC. */
export const SHARED_MAC_SIGNS = 3;

/** A gate that waits this long, and twice its soak, calls a person. */
export const LONG_WAIT_MS = 6 * 3_600_000;

/** More new boards of a product than this within this span, and than this share of those known before, call a person. */
export const NEW_BOARDS_BURST = 20;
export const NEW_BOARDS_SHARE = 0.2;
export const NEW_BOARDS_SPAN_MS = 3_600_000;

/** Gates wait this long while boards without the build are silent too; then the rollout halts. */
export const OUTAGE_PATIENCE_MS = 2 * 3_600_000;

/** A device that missed this many polls is silent. */
export const SILENT_POLLS = 3;

/** Gaps between checks that are kept of a device: the fewest of which the second longest is its habit and not an outage. */
export const MAX_CHECK_GAPS = 4;

/** Hours of telemetry that are kept of a device: a long weekend, in 72 rows of some 60 bytes. */
export const TELEMETRY_HOURS = 72;

/**
 * Hours for which it is kept how many devices ran which version: two weeks. In each hour so many versions of so many products by name, the
 * rest of a product together: at most 150 000 short rows, usually some hundreds.
 */
export const HISTORY_HOURS = 336;
export const DEFAULT_HISTORY_HOURS = 24;
export const MAX_HISTORY_VERSIONS = 8;
export const MAX_HISTORY_PRODUCTS = 50;

/** Keys of devices of one statement that counts versions, some milliseconds; and most pairs of product and version of one count. */
export const CENSUS_RANGE = 2_000;
export const MAX_CENSUS_BUILDS = 10_000;

/** Most rollouts of which the history of a product tells. */
export const MAX_HISTORY_TURNS = 20;

/** Devices of a stage that are compared with how they were before: their average moves by less than 5 % with all others. */
export const MAX_COMPARED_DEVICES = 250;

/** Most that a gate may allow of more restarts, in percent: ten times as many as before are never few. */
export const MAX_MORE_RESTARTS_PCT = 900;

/** The longest that a device may say it will sleep, in seconds: 30 days. Beyond that it is silent as any other. */
export const MAX_NEXT_CHECK_S = 2_592_000;
/** How often a server looks after schedules, deadlines and gates. Often enough that people do not notice how late a run is. */
export const TICK_MS = 5_000;

/** However often /readyz is asked, a server proves that it can write at most this often, in milliseconds. */
export const PROOF_INTERVAL_MS = 1_000;

/** A proof that takes longer is a problem, in milliseconds: a disk that hangs answers nothing. More than a database is waited for. */
export const PROOF_DEADLINE_MS = 6_000;

/** No server was there when none has ticked for this long: three ticks, so that a restart is none. */
export const ABSENCE_MS = 15_000;

/** So much the clock may move more or less than the process did, in one tick, before it counts as set. */
export const CLOCK_STEP_MS = 60_000;

/** A clock that was set is trusted to remove what is old after it has kept pace for this long. */
export const CLOCK_TRUST_MS = 3_600_000;

/** Absences are kept for this long, and at most so many; this many of the latest are taken out of spans of time. */
export const ABSENCE_RETENTION_MS = 60 * 86_400_000;
export const MAX_ABSENCES = 1_000;
export const RECENT_ABSENCES = 20;

/** A trial that began this soon after an absence was hindered by it: boards come back after a back-off of their own. */
export const EXCUSE_MS = 60_000;

/** Rows of one statement that sets instants right: some milliseconds of work. */
export const SET_RIGHT_ROWS = 2_000;

/** What is old is looked for this often: limits are days, and a pass over a large fleet takes many ticks. */
export const PRUNE_PASS_MS = 6 * 3_600_000;

/** Steps of that with one tick, each some milliseconds of work. */
export const PRUNE_STEPS = 10;

/** Rows of events or of the audit that one step removes; keys that it looks through; boards of which it removes up to 72 hours. */
export const PRUNE_ROWS = 1_000;
export const PRUNE_RANGE = 2_000;
export const PRUNE_BOARDS = 50;

/** The shortest time that anything is kept, in seconds: a day, within which gates and people look back. */
export const MIN_RETENTION_S = 86_400;

/** Events that are read at once, and the most that one delivery to a webhook carries: some 30 KiB. */
export const EVENT_BATCH = 100;

/** Listeners to the event stream of one server process; each holds a connection and at most one batch. */
export const MAX_EVENT_STREAMS = 32;

/** A stream that has nothing to say says so after this time, so that nobody between takes it for dead. */
export const EVENT_HEARTBEAT_MS = 15_000;

/** A reader that heard nothing for this long takes the stream for dead: its line may be gone without a word. */
export const EVENT_SILENCE_MS = 3 * EVENT_HEARTBEAT_MS;

/** What command line and dashboard wait for an answer of the admin API. */
export const ANSWER_PATIENCE_MS = 30_000;

/** The same where a large body goes before it: an image over a slow line, a table whose rows are compared first. */
export const BODY_PATIENCE_MS = 600_000;

/** Most webhooks in `config/server.yml`. */
export const MAX_WEBHOOKS = 20;

/** A receiver of a webhook has this long to connect, read and answer. */
export const WEBHOOK_TIMEOUT_MS = 10_000;

/** Back-off after a failed delivery to a webhook: the first wait, doubled each time up to the last. */
export const FIRST_WEBHOOK_BACK_OFF_MS = 1_000;
export const LAST_WEBHOOK_BACK_OFF_MS = 3_600_000;

/** A webhook that has failed for this long is named by `otter status`. */
export const WEBHOOK_WARN_MS = 10 * 60_000;

/** Most recipients of notices in `config/server.yml`, and most addresses of one that is told by mail. */
export const MAX_RECIPIENTS = 20;
export const MAX_MAIL_ADDRESSES = 20;

/** News of single boards is gathered for so long, and told as one message with a count. */
export const NOTICE_FOLD_MS = 10 * 60_000;

/** Events that one such message may count; things that one message tells of; boards that it names. */
export const MAX_FOLDED_EVENTS = 20_000;
export const MAX_NOTICES = 10;
export const MAX_NOTICE_BOARDS = 5;

/** A mail server has this long for each step: some make those wait whom they do not know. */
export const MAIL_TIMEOUT_MS = 20_000;

/** What is wrong with the server itself is looked for this often. */
export const TROUBLE_LOOK_MS = 60_000;

/** So many days before its end a certificate is told of: each once. */
export const CERTIFICATE_DAYS = [30, 7, 1] as const;

/** Largest configuration file, in bytes. */
export const MAX_CONFIG_BYTES = 1_048_576;

/**
 * A session of a browser ends after this time without a request, and after this time in any case. Its use is noted this often:
 * a write for each request would cost more than the request.
 */
export const SESSION_IDLE_MS = 12 * 3_600_000;
export const SESSION_LONGEST_MS = 7 * 86_400_000;
export const SESSION_NOTE_MS = 60_000;

/** Most sessions at once: one more ends the one that was not used for the longest time. */
export const MAX_SESSIONS = 100;

/** A one-time link works for this long; so many at once, the oldest goes first. */
export const LOGIN_LINK_MS = 10 * 60_000;
export const MAX_LOGIN_LINKS = 20;

/** Longest token or code of a log-in; longest name of a browser that is kept. */
export const MAX_SESSION_TEXT_CHARS = 200;
