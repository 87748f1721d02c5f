#include "test_device.h"

#include <WiFi.h>

#include <mbedtls/sha256.h>

#include <cstring>
#include <stdexcept>

#include "core/log/log_line.h"
#include "hal/esp32.h"

namespace testing {
namespace {

constexpr int kMaxBoots = 40;
constexpr int kMaxSteps = 20000;

class Sketch final : public otter::Application {
 public:
  Sketch(TestDevice& device, std::string version, std::string script)
      : device_(device), version_(std::move(version)), script_(std::move(script)) {}
  void onEvent(otter::Event event, otter::Error error, const otter::EventFacts& facts) override {
    device_.events.push_back({event, error, version_});
    char line[otter::kLogLineBytes];
    otter::writeLogLine(event, error, facts, line, sizeof line);
    device_.lines.push_back(line);
  }
  void onProgress(uint32_t, uint32_t) override {}
  const char* canUpdate(const otter::OfferView&) override { return device_.canUpdate(); }
  bool isIdle() override { return device_.isIdle(); }
  otter::Health health() override {
    // The panic of a real build that fails as soon as it works.
    if (script_ == "crash-at-health") throw board::Restart{board::ResetReason::panic};
    return script_ == "self-test" ? otter::Health::bad : otter::Health::good;
  }

 private:
  TestDevice& device_;
  std::string version_;
  std::string script_;
};

}  // namespace

otter::Journal readJournal() {
  otter::Esp32Store store;
  otter::JournalStore journalStore(store);
  otter::Journal journal;
  journalStore.load(journal);
  return journal;
}

std::array<uint8_t, 32> sha256Of(const board::Bytes& image) {
  std::array<uint8_t, 32> sha256{};
  mbedtls_sha256_ret(image.data(), image.size(), sha256.data(), 0);
  return sha256;
}

void rememberFailures(const board::Bytes& image, uint8_t failures) {
  otter::Esp32Store store;
  otter::JournalStore journalStore(store);
  otter::Journal journal;
  journalStore.load(journal);
  journal.addFailures(sha256Of(image).data(), failures);
  if (journalStore.save(journal) != otter::Error::ok) throw std::runtime_error("the journal was not written");
}

bool TestDevice::saw(otter::Event event, otter::Error error) const {
  for (const ToldEvent& told : events)
    if (told.event == event && told.error == error) return true;
  return false;
}

bool TestDevice::runToRest() {
  for (int boot = 0; boot < kMaxBoots; ++boot) {
    bool isAtRest = false;
    try {
      if (!runOnce(isAtRest)) return false;
      if (isAtRest) return true;
      trouble = "it did not come to rest";
      for (size_t i = events.size() > 8 ? events.size() - 8 : 0; i < events.size(); ++i)
        trouble += std::string("; ") + events[i].version + " " + otter::nameOf(events[i].event) + " " +
                   otter::nameOf(events[i].error);
      return false;
    } catch (const board::PowerCut&) {
      next_ = board::ResetReason::power_on;
    } catch (const board::Restart& restart) {
      next_ = restart.reason;
    }
  }
  trouble = "it restarts for ever";
  return false;
}

bool TestDevice::runOnce(bool& isAtRest) {
  ++boots;
  const auto slot = board.powerOn(next_);
  if (!slot) {
    trouble = "no bootable image";
    return false;
  }
  onBoot();
  const board::Marker marker = board.markerIn(*slot);
  const std::string script = board.scriptIn(*slot);
  board.surroundings.isNetworkUp = script != "no-network";
  if (script == "crash") throw board::Restart{board::ResetReason::panic};
  if (script == "lock-up") throw board::Restart{board::ResetReason::cpu_lockup};
  if (script == "power-glitch") throw board::Restart{board::ResetReason::pwr_glitch};
  if (script == "hang") throw board::Restart{board::ResetReason::task_watchdog};

  WiFi.begin("network");
  otter::Esp32Slot spare;
  otter::Esp32Bootloader bootloader;
  otter::Esp32Store store;
  otter::Esp32System system;
  Sketch sketch(*this, marker.version, script);
  server.close();
  otter::Engine engine({spare, bootloader, store, system, server, sketch});
  otter::Settings now = settings;
  std::strcpy(now.servers[0].host, "server");
  now.servers[0].port = 8443;
  now.product = marker.product.c_str();
  now.version = marker.version.c_str();
  now.library = "OtterOTA test";
  now.token = server.fleetToken.c_str();
  engine.begin(now);
  for (int step = 0; step < kMaxSteps || staysOn; ++step) {
    if (stopWhen(engine)) return isAtRest = true;
    const otter::State state = engine.status().state;
    const bool isStill = state == otter::State::idle || state == otter::State::staged;
    if (!staysOn && isStill && server.isAtRest() && !engine.isBusy() && readJournal().reportCount == 0) return isAtRest = true;
    board.clock.advanceUs(static_cast<uint64_t>(engine.step()) * 1000 + 1000);
  }
  return true;
}

}  // namespace testing
