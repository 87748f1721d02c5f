// Proof on a real board: 200 power cuts during updates, and a table of what became of them.
//
// The tests of the library run on a computer. What they cannot prove is written here as a procedure. It takes an
// afternoon, most of it without you.
//
// You need
//   - a board with two OTA slots, and an Otter server that it reaches,
//   - a relay in the supply of the board that something switches by itself: a second board, or a relay on the
//     computer's USB,
//   - a serial adapter on GND and TX of the board only: on RX it would feed the board while the relay is open.
//
// Prepare
//   1. Fill in secrets.h, compile build A and export it. Then change BENCH_BUILD to "B" and BENCH_VERSION to
//      "1.0.1", compile build B and export it.
//   2. Flash build A by cable, with "Erase All Flash Before Sketch Upload" enabled: bootloader and counters are new
//      then. For a second run, flash it by cable with a bootloader of the age that your fleet has.
//   3. On the server, give it both builds and complete a rollout for each. B is the stable build then:
//        npx otter firmware add A.bin --ready
//        npx otter rollout create --firmware 1.0.0 --product bench-check
//        npx otter rollout start bench-check-1.0.0
//        npx otter rollout promote bench-check-1.0.0 --from pilot
//        npx otter rollout promote bench-check-1.0.0 --from expand
//      and the same with B.bin and 1.0.1. Wait until the board runs B: the table on Serial says so.
//
// Run
//   4. Let the server send the board from A to B and back, over and over; MAC is that of the board:
//        while true; do
//          npx otter device clear-known-bad MAC --product bench-check
//          npx otter firmware block 1.0.1 --product bench-check --reason bench --yes; sleep 240
//          npx otter device clear-known-bad MAC --product bench-check
//          npx otter firmware unblock 1.0.1 --product bench-check; sleep 240
//        done
//   5. Let the relay cut the power 200 times: on for 10 to 90 seconds (at random), off for 3 seconds. About three
//      hours.
//   6. End the loop of the server with 1.0.1 allowed, leave the board powered for 30 minutes, and keep the last table
//      with the log of the server. The table is printed at each start and every ten minutes.
//
// Passed, when
//   - the board came up after every cut: `power_on` and `brownout` together are at least 200, and it runs now;
//   - there is no `panic` and no watchdog among the resets, and no `boot_rejected`, `flash_hash`, `image` or
//     `activate` among the errors;
//   - the cuts fell into all of it: not only behind `checked`, also behind `download_started`, `downloaded`,
//     `installing` and `trial_started`. Where one of them has none, run longer;
//   - at the end the board runs 1.0.1, `npx otter device show MAC` says `confirmed`, and a last block takes it to
//     1.0.0.
// Power that is lost on trial ends it: `rolled_back` with `power` or `brownout` is no failure of the library. After
// three of them the board does not take this build any more, `known_bad`. Then let A be 1.0.2 and B be 1.0.3, give them
// to the server as in step 3, and go on: the counters stay.

#include <OtterOTA.h>
#include <Preferences.h>
#include <WiFi.h>
#include <esp_system.h>

#define BENCH_BUILD "A"
#define BENCH_VERSION "1.0.0"

// Wi-Fi, server, pin and token: copy secrets.example.h to secrets.h, and fill it in.
#if __has_include("secrets.h")
#include "secrets.h"
#else
#include "secrets.example.h"
#endif

const uint32_t kAskEveryMs = 15000;
const uint32_t kPrintEveryMs = 10UL * 60 * 1000;
const int kEvents = static_cast<int>(OtterEvent::failed) + 1;
const int kResetReasons = 32;
const int kErrors = 256;
const uint32_t kNoEvent = 255;

OTTER_FIRMWARE("bench-check", BENCH_VERSION);

OtterOTA ota(kServer, kPin, kToken);

// Counters, each an entry of its own in NVS, which is written whole or not at all. Keys: `boots`; `upA` and `upB`; and
// with a number behind them `reset` (reason), `cut` (what had happened last when power was lost), `event`, `error`.
// `last` is the latest event, `heap` the least free heap, `load` the longest download.
Preferences counters;

uint32_t downloadSinceMs = 0;
uint32_t askedAtMs = 0;
uint32_t printedAtMs = 0;

uint32_t valueOf(const char* name, int number) {
  char key[16];
  snprintf(key, sizeof(key), "%s%d", name, number);
  return counters.getUInt(key, 0);
}

void countOne(const char* name, int number) {
  char key[16];
  snprintf(key, sizeof(key), "%s%d", name, number);
  counters.putUInt(key, counters.getUInt(key, 0) + 1);
}

void countOne(const char* key) { counters.putUInt(key, counters.getUInt(key, 0) + 1); }

const char* nameOfReset(int reason) {
  switch (reason) {
    case ESP_RST_POWERON:
      return "power_on";
    case ESP_RST_EXT:
      return "external";
    case ESP_RST_SW:
      return "software";
    case ESP_RST_PANIC:
      return "panic";
    case ESP_RST_INT_WDT:
      return "interrupt_watchdog";
    case ESP_RST_TASK_WDT:
      return "task_watchdog";
    case ESP_RST_WDT:
      return "other_watchdog";
    case ESP_RST_DEEPSLEEP:
      return "deep_sleep";
    case ESP_RST_BROWNOUT:
      return "brownout";
    case 14:  // ESP_RST_PWR_GLITCH, since ESP-IDF 5.2
      return "pwr_glitch";
    case 15:  // ESP_RST_CPU_LOCKUP, the same
      return "cpu_lockup";
    default:
      return "other";
  }
}

const char* nameOfCut(int event) { return event < kEvents ? otter::nameOf(static_cast<OtterEvent>(event)) : "start"; }

void printLine(const char* what, const char* name, uint32_t count) {
  if (count > 0) Serial.printf("| %-7s | %-20s | %6u |\n", what, name, static_cast<unsigned>(count));
}

void printTable() {
  Serial.println();
  Serial.printf("BenchCheck, build " BENCH_BUILD " " BENCH_VERSION ", OtterOTA " OTTER_OTA_VERSION "\n");
  Serial.printf("%s, Arduino core %d.%d.%d, ESP-IDF %s, flash %u bytes\n", ESP.getChipModel(),
                ESP_ARDUINO_VERSION_MAJOR, ESP_ARDUINO_VERSION_MINOR, ESP_ARDUINO_VERSION_PATCH, ESP.getSdkVersion(),
                static_cast<unsigned>(ESP.getFlashChipSize()));
  Serial.printf("bootloader can roll back: %s\n", ota.status().canRollBack ? "yes" : "no");
  Serial.printf("least free heap %u bytes, longest download %u ms\n",
                static_cast<unsigned>(counters.getUInt("heap", 0)), static_cast<unsigned>(counters.getUInt("load", 0)));
  Serial.println("| what    | which                |  times |");
  Serial.println("| ------- | -------------------- | ------ |");
  printLine("boots", "all", counters.getUInt("boots", 0));
  printLine("came up", "build A", counters.getUInt("upA", 0));
  printLine("came up", "build B", counters.getUInt("upB", 0));
  for (int reason = 0; reason < kResetReasons; ++reason)
    printLine("reset", nameOfReset(reason), valueOf("reset", reason));
  for (int event = 0; event <= static_cast<int>(kNoEvent); ++event)
    printLine("cut at", nameOfCut(event), valueOf("cut", event));
  for (int event = 0; event < kEvents; ++event)
    printLine("event", otter::nameOf(static_cast<OtterEvent>(event)), valueOf("event", event));
  for (int error = 1; error < kErrors; ++error)
    printLine("error", otter::nameOf(static_cast<otter::Error>(error)), valueOf("error", error));
  Serial.println();
}

void noteHeap() {
  uint32_t freeBytes = ESP.getMinFreeHeap();
  uint32_t leastBytes = counters.getUInt("heap", 0);
  if (leastBytes == 0 || freeBytes < leastBytes) counters.putUInt("heap", freeBytes);
}

// Runs in the task of the client.
void note(OtterEvent event, OtterError error) {
  int number = static_cast<int>(event);
  counters.putUInt("last", static_cast<uint32_t>(number));
  countOne("event", number);
  if (error) countOne("error", error.number());

  if (event == OtterEvent::download_started) downloadSinceMs = millis();
  if (event == OtterEvent::downloaded) {
    uint32_t tookMs = millis() - downloadSinceMs;
    if (tookMs > counters.getUInt("load", 0)) counters.putUInt("load", tookMs);
    noteHeap();
  }
}

void countBoot() {
  int reason = static_cast<int>(esp_reset_reason());
  countOne("boots");
  countOne("up" BENCH_BUILD);
  countOne("reset", reason);
  if (reason == ESP_RST_POWERON || reason == ESP_RST_BROWNOUT)
    countOne("cut", static_cast<int>(counters.getUInt("last", kNoEvent)));
  counters.putUInt("last", kNoEvent);
}

void setup() {
  Serial.begin(115200);
  counters.begin("bench", false);
  countBoot();
  WiFi.begin(kWifiName, kWifiPassword);

  ota.onEvent(note);
  ota.logTo(Serial).begin();
  printTable();
}

void loop() {
  // Asks much more often than a board should: the relay does not wait ten minutes. A trial goes its own way.
  bool isTime = millis() - askedAtMs >= kAskEveryMs;
  if (isTime && WiFi.status() == WL_CONNECTED && !ota.isBusy()) {
    askedAtMs = millis();
    ota.checkNow();
  }
  if (millis() - printedAtMs >= kPrintEveryMs) {
    printedAtMs = millis();
    printTable();
  }
  delay(100);
}
