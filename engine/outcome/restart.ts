// Why a board started, and whether it restarted between two checks. Boards write the reset reason as their framework does;
// one table makes one word of all spellings. Pure. Sources: `esp_system.h` (`esp_reset_reason_t`), `soc/reset_reasons.h`,
// `rom/rtc.h`; the texts of Arduino-ESP32, ESPHome, Tasmota, MicroPython and esp-hal.

export type BootCause = (typeof CAUSES)[number]['cause'];

/** Whose doing a start was: `none` for one that nobody minds. */
export type CauseClass = 'firmware' | 'device' | 'none';

interface CauseRow {
  readonly cause: string;
  readonly class: CauseClass;
  /** Of the text in lower case, without anything but letters and digits. */
  readonly says: RegExp;
}

/** The first row that matches decides: `RTCWDT_BROWN_OUT_RESET` is a brownout, a wake from deep sleep no restart. */
const CAUSES = [
  { cause: 'brownout', class: 'device', says: /brown|voltageunstable|undervoltage/ },
  { cause: 'crash', class: 'firmware', says: /panic|exception|crash|abort|lockup|hardfault|stackoverflow/ },
  // The supply or the clock was disturbed from outside.
  { cause: 'power', class: 'device', says: /glitch/ },
  // `TGWDT_CPU_RESET` is `Time Group Reset CPU` in Arduino's example.
  { cause: 'watchdog', class: 'firmware', says: /wdt|watchdog|timegroup/ },
  { cause: 'deep_sleep', class: 'none', says: /sleep|lowpowerwake/ },
  { cause: 'power', class: 'device', says: /power|pwron|^(reset)?por(reset)?$/ },
  { cause: 'efuse', class: 'device', says: /efuse/ },
  // Of `USB_JTAG_CHIP_RESET`, ESP-IDF says USB.
  { cause: 'usb', class: 'none', says: /usb/ },
  { cause: 'jtag', class: 'none', says: /jtag|debug/ },
  { cause: 'sdio', class: 'none', says: /sdio|slcmodule/ },
  { cause: 'external', class: 'none', says: /^(esprst)?ext|external|^hardreset|resetpin|pinreset/ },
  { cause: 'software', class: 'none', says: /soft|restart|reboot|^(esprst)?sw|(core|cpu\d?)sw/ },
  { cause: 'unknown', class: 'none', says: /(?:)/ },
] as const satisfies readonly CauseRow[];

const CLASSES: ReadonlyMap<string, CauseClass> = new Map(CAUSES.map((row) => [row.cause, row.class]));

/** The cause in one word; undefined: the board named none. */
export function bootCauseOf(reason: string | undefined): BootCause | undefined {
  const text = reason?.toLowerCase().replaceAll(/[^a-z0-9]/g, '') ?? '';
  return text === '' ? undefined : CAUSES.find(({ says }) => says.test(text))?.cause;
}

/** The class of a cause; of one that no table names, `none`. */
export function classOf(cause: string | undefined): CauseClass {
  return (cause === undefined ? undefined : CLASSES.get(cause)) ?? 'none';
}

/** What one check says of the last start. */
export interface BootSighting {
  /** When the board checked in. */
  readonly atMs: number;
  readonly uptimeS: number | undefined;
  readonly bootCause: string | undefined;
}

export interface Restart {
  readonly restarted: boolean;
  /** It restarted, by a fault of the firmware. */
  readonly crashed: boolean;
  /** It names a fault of the firmware and cannot say how often it restarted. */
  readonly suspect: boolean;
}

/** A request takes its time, and so does the answer. */
const TOLERANCE_S = 30;

/** Two boards are told from one by more than what an answer that was sent again could explain. */
const CONTRADICTION_S = 60;

/** Clocks of boards run faster or slower by this much at most. */
const DRIFT = 0.01;

/** Where `millis()` begins anew, after 49.7 days. */
const MILLIS_WRAP_S = 2 ** 32 / 1000;

/**
 * What happened between two checks of one board; `before` undefined: this is the first one, and says of nothing when it
 * was. A wake from deep sleep is no restart. With uptime in both checks, a lower one than without a restart tells one.
 * Without, a fault of the firmware that was not named before is one restart, however often it is repeated.
 */
export function restartBetween(before: BootSighting | undefined, now: BootSighting): Restart {
  const byFirmware = classOf(now.bootCause) === 'firmware';
  const isCounted = before?.uptimeS !== undefined && now.uptimeS !== undefined;
  const isNews = before !== undefined && before.bootCause !== now.bootCause;
  const restarted = isCounted
    ? now.bootCause !== 'deep_sleep' && hasFallenBack(before, before.uptimeS, now, now.uptimeS)
    : byFirmware && isNews;
  return { restarted, crashed: restarted && byFirmware, suspect: byFirmware && now.uptimeS === undefined };
}

function hasFallenBack(before: BootSighting, beforeS: number, now: BootSighting, nowS: number): boolean {
  const elapsedS = elapsedBetween(before, now);
  const toleranceS = TOLERANCE_S + DRIFT * elapsedS;
  const missingS = beforeS + elapsedS - nowS;
  const hasWrapped = Math.abs(missingS - MILLIS_WRAP_S) <= toleranceS;
  return missingS > toleranceS && !hasWrapped;
}

/**
 * Whether both checks cannot be of one board: its last start lies before the one that it told of already. A server clock
 * that was set back between the two is no sign; set back before them, all boards look like this once, so ask for more
 * than one sign.
 */
export function contradicts(before: BootSighting | undefined, now: BootSighting): boolean {
  if (before?.uptimeS === undefined || now.uptimeS === undefined || now.atMs < before.atMs) return false;
  const elapsedS = elapsedBetween(before, now);
  return now.uptimeS - (before.uptimeS + elapsedS) > CONTRADICTION_S + DRIFT * elapsedS;
}

/** Not below zero, whatever the server's clock did. */
function elapsedBetween(before: BootSighting, now: BootSighting): number {
  return Math.max(0, now.atMs - before.atMs) / 1000;
}

/** Causes that speak against the firmware. */
export const FIRMWARE_CAUSES: readonly BootCause[] = CAUSES.flatMap((row) =>
  row.class === 'firmware' ? [row.cause] : [],
);
