// What the board and its server say to each other: check-ins, and the reports that wait in the journal. It acts on
// nothing of what the server answers.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../../hal/hal.h"
#include "../error.h"
#include "http_client.h"
#include "../memory/journal.h"
#include "json.h"
#include "../update/settings.h"

namespace otter {

/** A request or an answer as text, in the buffer of the engine. */
struct TextSpace {
  char* bytes;
  size_t capacity;
};

class ServerLink {
 public:
  ServerLink(HttpClient& http, System& system, Bootloader& bootloader, Journal& journal, JournalStore& journalStore)
      : http_(http), system_(system), bootloader_(bootloader), journal_(journal), journalStore_(journalStore) {}

  /** `settings` lives as long as the link. */
  void begin(const Settings& settings, ResetReason resetReason);

  /** Which address is asked first; one that is not there is the first one. */
  void useServer(size_t index);
  size_t serverIndex() const { return serverIndex_; }
  const Server& server() const { return settings_->servers[serverIndex_]; }

  /**
   * Asks one address after the other, the one that answered last before the others, until one answers. After a failure of
   * all the error is that of the last one. Sends what waits, then the check-in. `root` is the answer, a JSON object in `space`. Errors of the connection and
   * of HTTP; `http_status`, `auth`, `redirect_refused`, `json`.
   */
  Error ask(bool isOnTrial, const TextSpace& space, Json& root);

  /** The oldest first. What the server refuses for good is dropped: repeating it changes nothing. */
  Error sendReports(const TextSpace& space);

  /** The next check-in says why the application put this offer off; 0: it put none off. `reason` lives on. */
  void setPostponed(uint64_t assignmentId, const char* reason) {
    postponedId_ = assignmentId;
    postponedReason_ = reason;
  }

  /** What the last refusal asked to wait, in seconds; 0 where it did not. */
  uint32_t retryAfterS() const { return retryAfterS_; }
  /** Seconds since 1970 as the server counts them; 0 before it has said so. */
  int64_t serverTimeS();
  /** Seconds since the last answer; UINT32_MAX before the first. */
  uint32_t lastAnswerAgeS();

 private:
  Error askServer(bool isOnTrial, const TextSpace& space, Json& root);
  Error post(const char* path, const TextSpace& space, size_t bodyBytes, HttpHead& head);
  Error refusedBy(const HttpHead& head);
  size_t writeCheckInTo(const TextSpace& space, bool isOnTrial);

  HttpClient& http_;
  System& system_;
  Bootloader& bootloader_;
  Journal& journal_;
  JournalStore& journalStore_;
  const Settings* settings_ = nullptr;
  ResetReason resetReason_ = ResetReason::unknown;
  size_t serverIndex_ = 0;
  uint32_t retryAfterS_ = 0;
  bool wasAnswered_ = false;
  uint64_t lastAnswerMs_ = 0;
  /** Before TLS took its share: what the application leaves free. */
  uint32_t freeHeapBytes_ = 0;
  uint32_t largestBlockBytes_ = 0;
  int64_t serverTimeS_ = 0;
  uint64_t serverTimeAtMs_ = 0;
  uint64_t postponedId_ = 0;
  const char* postponedReason_ = nullptr;
  char mac_[18] = {};
};

}  // namespace otter
