// The client itself: asks, downloads, installs, tries and keeps, one step at a time. `step()` does the work of the
// present state and looks up in `update_machine.h` where it leads. Everything it needs of a board comes through
// `hal.h`, so the same code runs on a board and in tests. No heap, no waiting but for the network.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../../hal/hal.h"
#include "../update/application.h"
#include "../update/boot_diagnosis.h"
#include "../wire/download.h"
#include "../error.h"
#include "../wire/http_client.h"
#include "../memory/configured_pins.h"
#include "../memory/journal.h"
#include "../wire/json.h"
#include "../offer/manifest.h"
#include "../wire/server_link.h"
#include "../update/settings.h"
#include "../update/status.h"
#include "../update/update_machine.h"

namespace otter {

/** A piece of an image, a request or an answer: the largest answer to a check-in with its NUL. */
constexpr size_t kBufferBytes = kMaxOfferBytes + 1;
/** Room for what an event has to say beyond its error: an address with its port. */
constexpr size_t kEventDetailBytes = 96;

class Engine {
 public:
  struct Board {
    SpareSlot& slot;
    Bootloader& bootloader;
    Store& store;
    System& system;
    Connection& connection;
    Application& application;
  };

  explicit Engine(const Board& board);

  /** Reads the journal and finds out what happened before this start. `no_ota_slot`: it checks in, but never installs.
   */
  Error begin(const Settings& settings);

  /** One piece of work. Answers how many milliseconds it has nothing to do, at most a second. */
  uint32_t step();

  // Called in the same task as `step`.
  void checkNow();
  void apply() { isApplyWanted_ = true; }
  void confirm() { verdict_ = Health::good; }
  void reject() { verdict_ = Health::bad; }
  Status status();
  bool isBusy();

 private:
  Outcome work();
  void perform(Action action);

  // The work of the states.
  Outcome check();
  Outcome askForBuild();
  Outcome checkOnTrial();
  Outcome downloadPiece();
  Outcome waitForQuietMoment();
  Outcome install();
  Outcome waitOnTrial();
  Outcome askForHealth();

  void takeConfiguration(const Json& configuration);
  void noteRefused(const Json& configuration, Error error);
  void usePins();
  Error vet(const Json& root);
  void forgive();
  Outcome acceptOffer();
  Outcome breakDownload(Error error, bool isFinal);

  // Actions.
  void startDownload();
  void keepImage();
  void adoptOffer();
  void rememberOffer();
  void reportRefusal();
  void reportFailure();
  void finishConfirm();
  void giveUp();
  void keepForWantOfAnother();
  void backOff();

  void tellStory(const BootDiagnosis& story, const BootFacts& facts);
  void startTrial();
  void comeBack(const BootDiagnosis& story, const BootFacts& facts);
  void contestTrialTimeout(Error error);
  bool isJournalImage();
  bool isStagedImage(const Manifest& manifest) const;
  bool isOnTrial() const;
  bool isTrialLost();
  bool isQuiet();
  bool mayInstall();

  void report(ReportStatus status, Error error);
  void addReport(ReportStatus status, Error error);
  void save();
  void tell(Event event, Error error);
  void enrol();
  void tellOfAsking();
  /** Of answers before this start: which address gave them, and when the newest build was signed. */
  void recallAnswers();
  void rememberServer();
  void forgetServer();
  EventFacts factsOf(Event event, Error error);
  void writeDetail(Error error);
  uint32_t secondsUntil(uint64_t atMs) const;
  void checkIn(uint32_t waitMs);
  uint32_t securityFloor();
  int64_t leastTimeS();
  void noteSigned();
  TextSpace space() { return {reinterpret_cast<char*>(buffer_), sizeof buffer_}; }

  Board board_;
  Settings settings_;
  JournalStore journalStore_;
  Journal journal_;
  HttpClient http_;
  Download download_;
  ServerLink link_;
  ConfiguredPins configuredPins_;
  CheckAnswer answer_ = {};
  /** Of the latest offer that was taken; an answer that could not be read leaves it as it is. */
  InstallWindow installWindow_ = {};
  State state_ = State::idle;
  /** Why the work of the present state failed. */
  Error error_ = Error::ok;
  Error lastError_ = Error::ok;
  ResetReason resetReason_ = ResetReason::unknown;
  Health verdict_ = Health::unknown;
  bool hasSlot_ = false;
  bool isApplyWanted_ = false;
  /** The server has offered the staged image since this start. */
  bool isApproved_ = false;
  bool isFirstCheck_ = true;
  uint32_t failures_ = 0;
  uint32_t breaks_ = 0;
  uint32_t intervalS_ = 0;
  uint64_t nextCheckMs_ = 0;
  uint64_t resumeAtMs_ = 0;
  uint64_t stagedAtMs_ = 0;
  uint64_t trialStartMs_ = 0;
  uint32_t toldConnections_ = 0;
  /** When the newest build was signed that a release key of the sketch signed, in seconds since 1970; 0: none was. */
  int64_t signedAtS_ = 0;
  /** Index of the address that answered last, as it is in NVS. */
  uint8_t storedServer_ = 0;
  /** The configuration that was told to be refused, and why: a server sends it with every answer. */
  uint32_t toldRefusedSequence_ = 0;
  Error toldRefusedError_ = Error::ok;
  /** For the event that is told next. */
  char detail_[kEventDetailBytes] = {};
  uint8_t buffer_[kBufferBytes];
};

}  // namespace otter
