// A small update server in memory, for tests that need thousands of whole updates: the other end of a `Connection`. It
// knows one device and one build, speaks real HTTP, and remembers all that it was told. The real server is met in
// tests/client.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "board/flash/nvs.h"
#include "core/error.h"
#include "hal/hal.h"

namespace testing {

/** The build that the server offers. */
struct OfferedBuild {
  std::string version;
  board::Bytes image;
  uint32_t securityVersion = 0;
  bool isRollback = false;
};

struct ReceivedReport {
  uint64_t assignmentId;
  std::string status;
  std::string error;
};

/** A whole answer of HTTP, such as `500 Internal Server Error`. */
std::string answerOf(const std::string& status, const std::string& body);

class MemoryServer final : public otter::Connection {
 public:
  std::string product = "greenhouse";
  std::string chip = "esp32";

  /** Offers it from the next check-in on, until the device runs it confirmed or proved it bad. */
  void offer(const OfferedBuild& build);
  void withdraw() { isOffering_ = false; }
  /** Offers the build once more, under the number of the attempt before, whatever became of it. */
  void offerAgain();
  /** Of the attempt with this number the offers say `forgiven`; 0: of none, `UINT64_MAX`: of all. */
  uint64_t forgivenAttempt = 0;
  /** Members of the offer besides, such as `,"optional":true`. */
  std::string moreOfOffer;
  /** The same of answers that offer nothing. */
  std::string moreOfNothing;
  /** How many pins the client has beside those of the sketch, and how often it said so. */
  size_t configuredPins = 0;
  int configurations = 0;

  /** Reports in their order, repeats left out. */
  const std::vector<ReceivedReport>& reports() const { return reports_; }
  /** Of one attempt: confirmed, failed, rolled_back or rejected. */
  size_t finalReportsOf(uint64_t assignmentId) const;
  uint64_t attempts() const { return assignmentId_; }
  /** The last check-in had nothing to do and said that it is not on trial. */
  bool isAtRest() const { return isAtRest_; }
  const std::string& lastVersion() const { return lastVersion_; }
  uint64_t sentImageBytes() const { return sentImageBytes_; }
  uint64_t checkIns() const { return checkIns_; }
  /** Body of the last check-in. */
  const std::string& lastCheckIn() const { return lastCheckIn_; }

  /** What the server says the time is, whatever the board's clock does. */
  std::string date = "Mon, 23 Nov 2026 12:00:00 GMT";
  /** `install_window` of the offers, as JSON; empty: none. */
  std::string installWindow;

  /** Answers check-ins with an object that is no answer. */
  bool garbles = false;

  /** What it takes besides the tokens that it accepted. */
  std::string fleetToken = "otf_fleet";
  /** What it says to an enrolment, apart from what it knows. */
  std::string enrolmentState = "accepted";
  /** Tokens that boards have asked to be let in with, and those that were. */
  const std::set<std::string>& askedTokens() const { return askedTokens_; }
  std::set<std::string> acceptedTokens;
  uint64_t enrolments() const { return enrolments_; }
  /** Token of the last check-in. */
  const std::string& lastToken() const { return lastToken_; }
  /** Path and token of every request, in order. */
  std::vector<std::pair<std::string, std::string>> requests;
  /** A whole answer of HTTP in place of its own, by path and token; empty: its own. `hang up`: none. */
  std::function<std::string(const std::string& path, const std::string& token)> answerInstead =
      [](const std::string&, const std::string&) { return std::string(); };

  /** Called when a connection has been opened. */
  std::function<void()> onOpen = [] {};

  /** The network is gone, as seen from the server. */
  bool isDown = false;
  /** Breaks the connection once after so many bytes of image. 0: never. */
  uint64_t breakAfterBytes = 0;

  otter::Error open(const char* host, uint16_t port) override;
  otter::Error write(const char* bytes, size_t count) override;
  otter::Error read(uint8_t* bytes, size_t capacity, size_t& received) override;
  void close() override;
  bool isOpen() override { return isOpen_; }
  void configurePins(const otter::Pin*, size_t count) override {
    configuredPins = count;
    ++configurations;
  }

 private:
  void answerRequest(const std::string& head, const std::string& body);
  bool takesToken(const std::string& token) const;
  std::string enrol(const std::string& body);
  std::string checkIn(const std::string& body);
  std::string takeReport(const std::string& body);
  void answerImage(const std::string& head);
  void answerJson(const std::string& json);
  void closeAttempt(bool isForGood);

  bool isOpen_ = false;
  std::set<std::string> askedTokens_;
  uint64_t enrolments_ = 0;
  std::string lastToken_;
  std::string request_;
  std::string answer_;
  size_t answered_ = 0;
  OfferedBuild build_;
  bool isOffering_ = false;
  bool isAttemptOpen_ = false;
  bool wasInstalling_ = false;
  uint64_t assignmentId_ = 0;
  bool isAtRest_ = false;
  std::string lastVersion_;
  std::string lastCheckIn_;
  uint64_t sentImageBytes_ = 0;
  uint64_t checkIns_ = 0;
  std::vector<ReceivedReport> reports_;
  std::map<std::pair<uint64_t, uint64_t>, bool> sequences_;
};

}  // namespace testing
