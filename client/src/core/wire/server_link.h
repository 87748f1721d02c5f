// What the board and its server say to each other: check-ins, the reports that wait in the journal, and the question to
// be let in with a token of its own (`server_link_enrol.cpp`). It acts on nothing of what the server answers, but for
// the token that goes with a request: whatever the server says to one, no board is locked out.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../../hal/hal.h"
#include "../error.h"
#include "http_client.h"
#include "../memory/device_token.h"
#include "../memory/journal.h"
#include "../trust/signature.h"
#include "json.h"
#include "../update/settings.h"

namespace otter {

/** A request or an answer as text, in the buffer of the engine. */
struct TextSpace {
  char* bytes;
  size_t capacity;
};

/** After an answer the server is not asked sooner to accept the token. */
constexpr uint32_t kEnrolAgainS = 3600;

/** What asking to be let in with a token of its own came to. */
enum class Enrolment : uint8_t {
  /** It was not the time for it, or the server knows no device tokens. */
  none,
  accepted,
  /** A person has to accept it. */
  pending,
  /** It goes on with the fleet token, and asks again. */
  failed
};

class ServerLink {
 public:
  ServerLink(HttpClient& http, System& system, Bootloader& bootloader, Store& store, Journal& journal,
             JournalStore& journalStore)
      : http_(http),
        system_(system),
        bootloader_(bootloader),
        token_(store),
        journal_(journal),
        journalStore_(journalStore) {}

  /** `settings` lives as long as the link. */
  void begin(const Settings& settings, ResetReason resetReason);

  /** Which address is asked first; one that is not there is the first one. */
  void useServer(size_t index);
  size_t serverIndex() const { return serverIndex_; }
  const Server& server() const { return settings_->servers[serverIndex_]; }

  /**
   * Asks one address after the other, the one that answered last before the others, until one answers. After a failure
   * of all the error is that of the last one. Sends what waits, then the check-in; where the server does not take the
   * one token, both once more with the other. `root` is the answer, a JSON object in `space`. Errors of the connection
   * and of HTTP; `http_status`, `auth`, `redirect_refused`, `json`.
   */
  Error ask(bool isOnTrial, const TextSpace& space, Json& root);

  /** The answer of the last `ask` made sense. */
  void noteUnderstood();

  /** Why the server did not take the token of this board, in the last `ask`; nullptr where it did. */
  const char* whyRefused() const { return whyRefused_; }

  /**
   * Makes a token for this board where there is none, and asks the server to accept it, with the fleet token: where it
   * is time for that. To be called after a check-in that was answered, never on trial or in the middle of an update.
   * The error says why it failed.
   */
  Error enrol(const TextSpace& space, Enrolment& outcome);

  const char* mac() const { return mac_; }

  /** The oldest first. What the server refuses for good is dropped: repeating it changes nothing. */
  Error sendReports(const TextSpace& space);

  /** The next check-in says why the application put this offer off; 0: it put none off. `reason` lives on. */
  void setPostponed(uint64_t assignmentId, const char* reason) {
    postponedId_ = assignmentId;
    postponedReason_ = reason;
  }

  /** What the check-ins say of configurations: `sequence` of the one that holds, and why the last was not taken. */
  void noteConfiguration(uint32_t sequence, Error refused) {
    configurationSequence_ = sequence;
    configurationError_ = refused;
  }

  /** What the last refusal asked to wait, in seconds; 0 where it did not. */
  uint32_t retryAfterS() const { return retryAfterS_; }
  /** Seconds since 1970 as the server counts them; 0 before it has said so. */
  int64_t serverTimeS();
  /** Seconds since the last answer; UINT32_MAX before the first. */
  uint32_t lastAnswerAgeS();

 private:
  /** Codes of an error answer that this client acts on. */
  enum class Code : uint8_t { other, token_revoked, other_board, not_this_board };

  Error askServer(bool isOnTrial, const TextSpace& space, Json& root);
  Error askWith(bool isOwnToken, bool isOnTrial, const TextSpace& space, Json& root);
  bool helpsOtherToken(Error error) const;
  void takeTurns(Error error, uint32_t openedBefore);
  void noteRefused();
  Error askToEnrol(const TextSpace& space, Enrolment& outcome);
  Error postEnrolment(const TextSpace& space, TokenState& state);
  void useToken(bool isOwnToken);
  Error post(const char* path, const TextSpace& space, size_t bodyBytes, HttpHead& head);
  Error refusedBy(const HttpHead& head, const TextSpace& space);
  void readCode(const TextSpace& space);
  size_t writeCheckInTo(const TextSpace& space, bool isOnTrial);

  HttpClient& http_;
  System& system_;
  Bootloader& bootloader_;
  DeviceToken token_;
  Journal& journal_;
  JournalStore& journalStore_;
  const Settings* settings_ = nullptr;
  ResetReason resetReason_ = ResetReason::unknown;
  size_t serverIndex_ = 0;
  uint32_t retryAfterS_ = 0;
  /** Of the last answer that was a refusal. */
  Code code_ = Code::other;
  bool isOwnToken_ = false;
  const char* whyRefused_ = nullptr;
  /** Checks in a row that went out with the token of this board and were not answered in a way that made sense. */
  uint8_t unheard_ = 0;
  /** Enrolments in a row without an answer. */
  uint8_t enrolFailures_ = 0;
  bool wasAnswered_ = false;
  uint64_t lastAnswerMs_ = 0;
  /** Before TLS took its share: what the application leaves free. */
  uint32_t freeHeapBytes_ = 0;
  uint32_t largestBlockBytes_ = 0;
  int64_t serverTimeS_ = 0;
  uint64_t serverTimeAtMs_ = 0;
  uint64_t postponedId_ = 0;
  const char* postponedReason_ = nullptr;
  uint32_t configurationSequence_ = 0;
  Error configurationError_ = Error::ok;
  char mac_[18] = {};
  /** Of the release keys of the sketch. */
  char keyIds_[kReleaseKeys][kKeyIdBytes] = {};
};

}  // namespace otter
