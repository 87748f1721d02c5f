#include "options.h"

#include <core/update/application.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>

namespace device {
namespace {

const char* const kUsage =
    R"(otter-device: a board on this computer, with power, bootloader, flash and NVS, that runs the OtterOTA library.

  otter-device --board DIR --server https://127.0.0.1:8443 --pin PIN --token TOKEN [options]

The board
  --board DIR            its folder: flash.bin, nvs/, efuse, rtc; made where it is not there
  --flash FILE           first writes this image by cable: slot 0 and an empty otadata; NVS stays. A new board needs it
  --chip NAME            of a new board (that of the image): esp32, esp32s3, esp32c3, ...
  --mac MAC              of a new board (24:6f:28:00:00:01)
  --slot-bytes N         size of each OTA slot of a new board (0x140000)
  --slots 1|2            number of OTA slots of a new board (2)
  --bootloader KIND      rollback, or no-rollback as flashed with old cores (rollback)
  --speed N              its clock runs N times as fast as the wall clock (1)
  --rest-speed N         and N times faster still while the library only waits; time limits of the network do not (1)
  --free-heap N          free heap in bytes (200000)
  --program V=FILE       images of version V are run by another otter-device, such as one of an older library; repeatable
  --product P --version V  what an image without a marker is taken for (default, 0.0.0)

The sketch
  --server URL           a second one is tried where the first does not answer
  --pin PIN              repeatable
  --next-pin PIN         takes the place of the first pin with the first deep sleep
  --interval S, --trial-timeout S, --longest-deferral S   seconds (as the library has them)
  --next-check S         says that it sleeps so long between two checks (it does not)
  --deep-sleep S         sleeps so long after each check, as soon as nothing is left to do
  --label-hint L         repeatable
  --label-rule RULE
  --release-key FILE     PEM, repeatable
  --signatures-needed N  how many of them have to sign
  --idle always|never|FILE   idle for ever, never, or while FILE is there (always)
  --idle-hours A-B       hours of the day, UTC
  --apply-by-hand, --confirm-by-hand

The run
  --cut-at N --tear MODE power is cut at the N-th write to flash or NVS: before, partial, after, garbage (before)
  --lose-rtc-bits        what is kept in RTC memory comes back from each deep sleep with one bit wrong
  --until EVENT          ends with 0 when the library tells this event; repeatable: any of them
  --for S                ends after S seconds of the wall clock

Exit: 0; 2 wrong use; 3 --until not reached in time; 4 no bootable image; 70 the program itself failed; 130 and 143
after a signal.
)";

uint64_t parseNumber(const std::string& name, const std::string& text, uint64_t least, uint64_t most) {
  char* end = nullptr;
  const uint64_t number = std::strtoull(text.c_str(), &end, 0);
  if (text.empty() || text[0] == '-' || *end != '\0' || number < least || number > most) {
    throw UsageError(name + " " + text + ": write a number from " + std::to_string(least) + " to " +
                     std::to_string(most));
  }
  return number;
}

uint32_t parseSeconds(const std::string& name, const std::string& text) {
  return static_cast<uint32_t>(parseNumber(name, text, 0, UINT32_MAX));
}

double parseDecimal(const std::string& name, const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(number > 0) || number > 1e9) {
    throw UsageError(name + " " + text + ": write a number above 0");
  }
  return number;
}

std::array<uint8_t, 6> parseMac(const std::string& text) {
  unsigned bytes[6];
  char rest = 0;
  if (std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4],
                  &bytes[5], &rest) != 6) {
    throw UsageError("--mac " + text + ": write it like 24:6f:28:00:00:01");
  }
  std::array<uint8_t, 6> mac{};
  for (size_t i = 0; i < mac.size(); ++i) mac[i] = static_cast<uint8_t>(bytes[i]);
  return mac;
}

std::array<uint8_t, 2> parseHours(const std::string& text) {
  unsigned from = 0;
  unsigned to = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%u-%u%c", &from, &to, &rest) != 2 || from > 24 || to > 24) {
    throw UsageError("--idle-hours " + text + ": write them like 2-5");
  }
  return {static_cast<uint8_t>(from), static_cast<uint8_t>(to)};
}

board::BootloaderKind parseBootloader(const std::string& text) {
  if (text == "rollback") return board::BootloaderKind::rollback;
  if (text == "no-rollback") return board::BootloaderKind::no_rollback;
  throw UsageError("--bootloader " + text + ": write rollback or no-rollback");
}

std::string parseEvent(const std::string& text) {
  std::string names;
  for (int number = 0; number < 256; ++number) {
    const std::string name = otter::nameOf(static_cast<otter::Event>(number));
    if (name == "unknown") break;
    if (name == text) return text;
    names += (names.empty() ? "" : ", ") + name;
  }
  throw UsageError("--until " + text + ": the library has the events " + names);
}

}  // namespace

Options parseOptions(const std::vector<std::string>& arguments) {
  Options options;
  using Take = std::function<void(const std::string&)>;
  const std::map<std::string, Take> withValue = {
      {"--board", [&](const std::string& text) { options.boardFolder = text; }},
      {"--server", [&](const std::string& text) { options.servers.push_back(text); }},
      {"--pin", [&](const std::string& text) { options.pins.push_back(text); }},
      {"--next-pin", [&](const std::string& text) { options.nextPin = text; }},
      {"--token", [&](const std::string& text) { options.token = text; }},
      {"--flash", [&](const std::string& text) { options.flashFile = text; }},
      {"--product", [&](const std::string& text) { options.product = text; }},
      {"--version", [&](const std::string& text) { options.version = text; }},
      {"--program",
       [&](const std::string& text) {
         const size_t at = text.find('=');
         if (at == std::string::npos) throw UsageError("--program " + text + ": write VERSION=FILE");
         options.programs[text.substr(0, at)] = text.substr(at + 1);
       }},
      {"--mac", [&](const std::string& text) { options.mac = parseMac(text); }},
      {"--chip", [&](const std::string& text) { options.chip = text; }},
      {"--slot-bytes",
       [&](const std::string& text) {
         options.slotBytes = static_cast<uint32_t>(parseNumber("--slot-bytes", text, 0x1000, 0x1000000));
         if (*options.slotBytes % board::kSectorBytes != 0) throw UsageError("--slot-bytes: a multiple of 4096");
       }},
      {"--slots",
       [&](const std::string& text) { options.slotCount = static_cast<uint32_t>(parseNumber("--slots", text, 1, 2)); }},
      {"--bootloader", [&](const std::string& text) { options.bootloader = parseBootloader(text); }},
      {"--speed", [&](const std::string& text) { options.speed = parseDecimal("--speed", text); }},
      {"--rest-speed", [&](const std::string& text) { options.restSpeed = parseDecimal("--rest-speed", text); }},
      {"--next-check", [&](const std::string& text) { options.nextCheckS = parseSeconds("--next-check", text); }},
      {"--deep-sleep", [&](const std::string& text) { options.deepSleepS = parseSeconds("--deep-sleep", text); }},
      {"--interval", [&](const std::string& text) { options.intervalS = parseSeconds("--interval", text); }},
      {"--trial-timeout",
       [&](const std::string& text) { options.trialTimeoutS = parseSeconds("--trial-timeout", text); }},
      {"--label-hint", [&](const std::string& text) { options.labelHints.push_back(text); }},
      {"--label-rule", [&](const std::string& text) { options.labelRule = text; }},
      {"--release-key", [&](const std::string& text) { options.releaseKeyFiles.push_back(text); }},
      {"--signatures-needed",
       [&](const std::string& text) {
         options.signaturesNeeded = static_cast<uint8_t>(parseNumber("--signatures-needed", text, 0, 9));
       }},
      {"--idle", [&](const std::string& text) { options.idle = text; }},
      {"--idle-hours", [&](const std::string& text) { options.idleHours = parseHours(text); }},
      {"--longest-deferral",
       [&](const std::string& text) { options.longestDeferralS = parseSeconds("--longest-deferral", text); }},
      {"--free-heap",
       [&](const std::string& text) {
         options.freeHeapBytes = static_cast<uint32_t>(parseNumber("--free-heap", text, 0, UINT32_MAX));
       }},
      {"--cut-at", [&](const std::string& text) { options.cutAt = parseNumber("--cut-at", text, 1, UINT64_MAX); }},
      {"--tear",
       [&](const std::string& text) {
         if (board::tearNamed(text, options.tear)) return;
         throw UsageError("--tear " + text + ": before, partial, after or garbage");
       }},
      {"--until", [&](const std::string& text) { options.until.push_back(parseEvent(text)); }},
      {"--for", [&](const std::string& text) { options.forS = parseDecimal("--for", text); }},
  };
  const std::map<std::string, bool*> flags = {{"--apply-by-hand", &options.appliesByHand},
                                              {"--confirm-by-hand", &options.confirmsByHand},
                                              {"--lose-rtc-bits", &options.losesRtcBits},
                                              {"--help", &options.isHelpWanted}};
  for (size_t at = 0; at < arguments.size(); ++at) {
    const std::string& name = arguments[at];
    if (const auto flag = flags.find(name); flag != flags.end()) {
      *flag->second = true;
      continue;
    }
    const auto taker = withValue.find(name);
    if (taker == withValue.end()) throw UsageError("what is " + name + "? --help shows what there is");
    if (at + 1 == arguments.size()) throw UsageError(name + ": something must follow");
    taker->second(arguments[++at]);
  }
  if (options.isHelpWanted) return options;
  if (options.boardFolder.empty()) throw UsageError("--board DIR is missing");
  if (options.servers.empty()) throw UsageError("--server https://host:port is missing");
  if (options.pins.empty()) throw UsageError("--pin PIN is missing; npx otter cert show prints it");
  if (options.token.empty()) throw UsageError("--token TOKEN is missing; the server has it in data/tokens/fleet.token");
  return options;
}

std::string usage() { return kUsage; }

}  // namespace device
