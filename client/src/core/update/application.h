// What the core asks the application, and tells it.

#pragma once

#include <stdint.h>

#include "../error.h"

namespace otter {

/** What happens, for lights, logs and displays. */
enum class Event : uint8_t {
  /** A new connection to the server stands, and its pin is right. */
  connected,
  /** The server was asked and answered: nothing to do. */
  checked,
  /** The server offers a build. */
  offered,
  /** This board does not take the offer; the error says why. */
  rejected,
  /** The application asked to wait, or the battery is low. */
  deferred,
  download_started,
  /** The connection broke; the download goes on later where it stopped. */
  download_interrupted,
  /** The image is in the spare slot and verified; it waits for a quiet moment. */
  downloaded,
  /** The board is about to restart into the new build. */
  installing,
  /** This build is new and on trial. */
  trial_started,
  /** This build is kept. */
  confirmed,
  /** The board is about to go back; the error says why. */
  rejected_build,
  /** The board came back to this build after a trial; the error says why. */
  rolled_back,
  /** The server has accepted a token of this board's own; from now on it is used instead of the fleet token. */
  enrolled,
  /** The server has the token of this board; a person has to accept it. The board goes on with the fleet token. */
  enrolment_pending,
  /** The server could not be asked to accept the token; the board goes on with the fleet token, and asks again. */
  enrolment_failed,
  /** The server does not take the token of this board any more; it asked with the fleet token instead. */
  token_refused,
  /** A configuration that a release key signed names other pins; they hold beside those of the sketch from now on. */
  pins_changed,
  /** The server sent a configuration that this board does not take; the error says why. Nothing has changed. */
  configuration_refused,
  /** A check, a download or an installation failed. */
  failed
};

const char* nameOf(Event event);

enum class Health : uint8_t { good, bad, unknown };

/** An offer as the application sees it. */
struct OfferView {
  const char* product;
  const char* version;
  uint32_t sizeBytes;
  /** True: an older version on purpose. */
  bool isRollback;
  /** The server leaves it to the board, or to a person at it; otherwise it waits for the application all the same. */
  bool isOptional;
};

/** What an event is about, for the line that tells it. The texts live until the call returns; none is nullptr. */
struct EventFacts {
  /** The build that it is about: the offered one, the running one, or the one that was left. */
  const char* version;
  uint32_t sizeBytes;
  /** Seconds until the next try, or that a trial has. 0: not known. */
  uint32_t waitS;
  /** What exactly went wrong, the reason of the server, or where the server is. May be empty. */
  const char* detail;
};

class Application {
 public:
  virtual void onEvent(Event event, Error error, const EventFacts& facts) = 0;
  virtual void onProgress(uint32_t doneBytes, uint32_t totalBytes) = 0;
  /** nullptr takes the offer; a reason puts it off. */
  virtual const char* canUpdate(const OfferView& offer) = 0;
  virtual bool isIdle() = 0;
  virtual Health health() = 0;

 protected:
  ~Application() = default;
};

}  // namespace otter
