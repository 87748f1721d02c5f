// The life of an update as one table: in which state what leads where, and what is done on the way. `Engine` does the
// work of a state, which ends in a outcome; the table says the rest. client/README.md shows the same table, a test
// compares them.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "status.h"

namespace otter {

/** What the work of a state came to. */
enum class Outcome : uint8_t {
  /** Nothing yet: stay. */
  none,
  /** The time for a check has come, or `checkNow()`. */
  due,
  /** The server has nothing for this board. */
  nothing,
  /** An offer that this board takes. */
  offered,
  /** An offer of the very image that waits in the spare slot. */
  offered_again,
  /** An offer that this board does not take. */
  refused,
  /** The application asked to wait. */
  deferred,
  /** The server could not be asked. */
  unreachable,
  /** The connection broke in the middle of a download. */
  interrupted,
  /** The image is in the spare slot, verified. */
  complete,
  /** The image cannot be used. */
  failed,
  /** A quiet moment, or `apply()`. */
  may_install,
  /** The spare slot is selected. */
  activated,
  /** The server answered the check-in of the build on trial. */
  reached,
  healthy,
  /** The health check failed, or the time of the trial is over. */
  unhealthy,
  /** The board could not go back. */
  stuck
};

const char* nameOf(Outcome outcome);

enum class Action : uint8_t {
  nothing,
  wait_for_next_check,
  back_off,
  start_download,
  resume_later,
  keep_image,
  /** The offer has a new number; the image is the same. */
  adopt_offer,
  /** The image stays where it is and is not installed before it is offered again. */
  withdraw_approval,
  report_refusal,
  report_failure,
  restart,
  back_off_on_trial,
  confirm,
  give_up,
  keep_for_want_of_another
};

const char* nameOf(Action action);

struct Transition {
  State from;
  Outcome outcome;
  State to;
  Action action;
};

/** The table; `count` is its length. */
const Transition* transitions(size_t& count);

/** The row for this pair; nullptr where there is none: the state stays. */
const Transition* findTransition(State from, Outcome outcome);

}  // namespace otter
