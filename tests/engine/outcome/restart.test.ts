// Why boards say they started, in every spelling, and what two checks tell of restarts between them.

import { describe, expect, test } from 'vitest';
import { type BootCause, bootCauseOf, classOf, contradicts, restartBetween } from '#engine/outcome/restart.ts';

/** Reset reasons as frameworks write them. */
const SPELLINGS: Readonly<Record<BootCause, readonly string[]>> = {
  crash: [
    'panic', // OtterOTA
    'ESP_RST_PANIC',
    'ESP_RST_CPU_LOCKUP',
    'CPU_LOCKUP_RESET',
    'cpu_lockup',
    'CPU lock up (double exception)', // ESPHome
    'Reset due to exception/panic',
    'Exception/panic',
    'Software reset due to exception/panic', // ESP-IDF's documentation
    'abort',
    'Cpu0Lockup',
  ],
  watchdog: [
    'task_watchdog',
    'interrupt_watchdog',
    'other_watchdog',
    'ESP_RST_INT_WDT',
    'ESP_RST_TASK_WDT',
    'ESP_RST_WDT',
    'OWDT_RESET', // rom/rtc.h
    'TG0WDT_SYS_RESET',
    'TGWDT_CPU_RESET',
    'RTCWDT_CPU_RESET',
    'RTCWDT_RTC_RESET',
    'SUPER_WDT_RESET',
    'Time Group Reset CPU', // Arduino-ESP32, example ResetReason
    'Timer Group 0 Watch Dog Reset Digital Core',
    'RTC Watch Dog Reset Digital Core And RTC Module',
    'Legacy watch dog reset digital core', // Tasmota
    'RESET_REASON_CORE_MWDT0', // soc/reset_reasons.h
    'CoreRtcWdt', // esp-hal
    'WDT_RESET', // MicroPython
    'Interrupt watchdog', // ESPHome
    'Reset due to task watchdog',
  ],
  brownout: [
    'brownout',
    'ESP_RST_BROWNOUT',
    'RTCWDT_BROWN_OUT_RESET',
    'Voltage Unstable Reset',
    'Brownout reset (software or hardware)',
    'RESET_REASON_SYS_BROWN_OUT',
    'SysBrownOut',
  ],
  power: [
    'power_on',
    'ESP_RST_POWERON',
    'ESP_RST_PWR_GLITCH',
    'POWERON_RESET',
    'POWER_GLITCH_RESET',
    'GLITCH_RTC_RESET',
    'power glitch detected',
    'Vbat power on reset',
    'RESET_REASON_CHIP_POWER_ON',
    'PWRON_RESET',
    'Power On Reset',
    'Reset due to power-on event',
    'RESET_POR',
  ],
  software: [
    'software',
    'ESP_RST_SW',
    'SW_RESET',
    'SW_CPU_RESET',
    'SOFT_RESET',
    'Software Reset CPU',
    'Software reset via esp_restart',
    'RESET_REASON_CORE_SW',
    'Cpu0Sw',
    'esp_restart',
    'Fast reboot',
  ],
  deep_sleep: [
    'deep_sleep',
    'ESP_RST_DEEPSLEEP',
    'DEEPSLEEP_RESET',
    'Deep Sleep Reset Digital Core',
    'Reset after exiting deep sleep mode',
    'CoreDeepSleep',
    'RESET_LOW_POWER_WAKE',
  ],
  external: ['external', 'ESP_RST_EXT', 'EXT_CPU_RESET', 'External CPU Reset', 'HARD_RESET', 'by external pin'],
  sdio: ['ESP_RST_SDIO', 'SDIO_RESET', 'SLC Module Reset Digital Core', 'Reset over SDIO'],
  usb: ['ESP_RST_USB', 'USB_UART_CHIP_RESET', 'USB_JTAG_CHIP_RESET', 'USB peripheral'],
  jtag: ['ESP_RST_JTAG', 'JTAG_RESET', 'JTAG'],
  efuse: ['ESP_RST_EFUSE', 'EFUSE_RESET', 'RESET_REASON_CORE_EFUSE_CRC', 'Reset due to efuse error'],
  unknown: ['unknown', 'ESP_RST_UNKNOWN', 'other', 'INTRUSION_RESET', 'NO_MEAN', '4', 'ラーメン x'],
};

describe.each(Object.entries(SPELLINGS))('%s', (cause, spellings) => {
  test.each(spellings)('is what %s means', (spelling) => {
    expect(bootCauseOf(spelling)).toBe(cause);
    expect(bootCauseOf(spelling.toUpperCase())).toBe(cause);
  });
});

test.each([undefined, '', ' - '])('a board that says %j names no cause', (reason) => {
  expect(bootCauseOf(reason)).toBeUndefined();
});

test('only crash and watchdog are the doing of the firmware', () => {
  const ofClass = (wanted: string) => Object.keys(SPELLINGS).filter((cause) => classOf(cause) === wanted);
  expect(ofClass('firmware')).toEqual(['crash', 'watchdog']);
  expect(ofClass('device')).toEqual(['brownout', 'power', 'efuse']);
  expect(classOf(undefined)).toBe('none');
  expect(classOf('of a newer server')).toBe('none');
});

const HOUR_MS = 3_600_000;
const at = (atMs: number, uptimeS: number | undefined, bootCause: string | undefined = 'power') => ({
  atMs,
  uptimeS,
  bootCause,
});

describe('with uptime', () => {
  const before = at(HOUR_MS, 1_000);
  test.each([
    { what: 'goes on as the clock does', now: at(2 * HOUR_MS, 4_600), restarted: false },
    { what: 'is late by less than the tolerance', now: at(2 * HOUR_MS, 4_600 - 66), restarted: false },
    { what: 'is late by more than the tolerance', now: at(2 * HOUR_MS, 4_600 - 67), restarted: true },
    { what: 'is higher than before, and still too low', now: at(2 * HOUR_MS, 3_000), restarted: true },
    { what: 'began anew', now: at(2 * HOUR_MS, 5), restarted: true },
    { what: 'began anew after deep sleep', now: at(2 * HOUR_MS, 5, 'deep_sleep'), restarted: false },
    { what: 'goes on while the server clock went back', now: at(0, 1_600), restarted: false },
    { what: 'began anew while the server clock went back', now: at(0, 5), restarted: true },
  ])('one that $what: restarted is $restarted', ({ now, restarted }) => {
    expect(restartBetween(before, now)).toEqual({ restarted, crashed: false, suspect: false });
  });

  test('a counter of milliseconds that begins anew after 49.7 days is no restart', () => {
    expect(restartBetween(at(0, 4_294_900), at(100_000, 33)).restarted).toBe(false);
    expect(restartBetween(at(0, 4_294_900), at(100_000, 99)).restarted).toBe(true);
  });

  test('a restart is a crash where the firmware is its cause, each time', () => {
    const first = restartBetween(at(0, 5_000), at(60_000, 20, 'crash'));
    expect(first).toEqual({ restarted: true, crashed: true, suspect: false });
    expect(restartBetween(at(60_000, 20, 'crash'), at(120_000, 30, 'crash'))).toMatchObject({ crashed: true });
    expect(restartBetween(at(60_000, 20, 'crash'), at(120_000, 80, 'crash'))).toMatchObject({ restarted: false });
  });
});

describe('without uptime', () => {
  test('a fault of the firmware that is newly named is one restart, and the board is suspect while it says so', () => {
    const healthy = at(0, undefined);
    const crashed = at(60_000, undefined, 'crash');
    expect(restartBetween(healthy, crashed)).toEqual({ restarted: true, crashed: true, suspect: true });
    expect(restartBetween({ ...healthy, bootCause: undefined }, crashed)).toMatchObject({ crashed: true });
    expect(restartBetween(crashed, crashed)).toEqual({ restarted: false, crashed: false, suspect: true });
    expect(restartBetween(crashed, healthy)).toEqual({ restarted: false, crashed: false, suspect: false });
  });

  test('on one side only, it is the same; and a board that tells its uptime is not suspect', () => {
    expect(restartBetween(at(0, undefined), at(1, 20, 'watchdog'))).toEqual({
      restarted: true,
      crashed: true,
      suspect: false,
    });
    expect(restartBetween(at(0, 20), at(1, undefined, 'watchdog'))).toMatchObject({ crashed: true, suspect: true });
  });

  test('the first check of a board tells of nothing that happened before it', () => {
    expect(restartBetween(undefined, at(0, undefined, 'crash'))).toMatchObject({ restarted: false, suspect: true });
    expect(restartBetween(undefined, at(0, 5, 'crash'))).toMatchObject({ restarted: false, suspect: false });
  });
});

describe('two checks contradict each other', () => {
  test.each([
    { what: 'one board that runs on', now: at(2 * HOUR_MS, 4_600), is: false },
    { what: 'one board that restarted', now: at(2 * HOUR_MS, 10), is: false },
    { what: 'a board whose clock is fast within the tolerance', now: at(2 * HOUR_MS, 4_696), is: false },
    { what: 'a start before the one that was told of', now: at(2 * HOUR_MS, 4_697), is: true },
    { what: 'no uptime', now: at(2 * HOUR_MS, undefined), is: false },
    { what: 'a server clock that went back', now: at(0, 4_600), is: false },
  ])('$what: $is', ({ now, is }) => {
    expect(contradicts(at(HOUR_MS, 1_000), now)).toBe(is);
  });

  test('not in the first check of a board', () => {
    expect(contradicts(undefined, at(0, 9_999))).toBe(false);
  });
});
