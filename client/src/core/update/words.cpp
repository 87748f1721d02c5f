// The names of states, outcomes and actions, for logs and for people.

#include "application.h"
#include "../offer/check_in.h"
#include "status.h"
#include "update_machine.h"

namespace otter {

#define OTTER_CASE(type, name) \
  case type::name:             \
    return #name;

const char* nameOf(State state) {
  switch (state) {
    OTTER_CASE(State, idle)
    OTTER_CASE(State, checking)
    OTTER_CASE(State, downloading)
    OTTER_CASE(State, staged)
    OTTER_CASE(State, staged_checking)
    OTTER_CASE(State, installing)
    OTTER_CASE(State, trial)
    OTTER_CASE(State, trial_checking)
    OTTER_CASE(State, trial_health)
    OTTER_CASE(State, restarting)
  }
  return "unknown";
}

const char* nameOf(Event event) {
  switch (event) {
    OTTER_CASE(Event, connected)
    OTTER_CASE(Event, checked)
    OTTER_CASE(Event, offered)
    OTTER_CASE(Event, rejected)
    OTTER_CASE(Event, deferred)
    OTTER_CASE(Event, download_started)
    OTTER_CASE(Event, download_interrupted)
    OTTER_CASE(Event, downloaded)
    OTTER_CASE(Event, installing)
    OTTER_CASE(Event, trial_started)
    OTTER_CASE(Event, confirmed)
    OTTER_CASE(Event, rejected_build)
    OTTER_CASE(Event, rolled_back)
    OTTER_CASE(Event, enrolled)
    OTTER_CASE(Event, enrolment_pending)
    OTTER_CASE(Event, enrolment_failed)
    OTTER_CASE(Event, token_refused)
    OTTER_CASE(Event, pins_changed)
    OTTER_CASE(Event, configuration_refused)
    OTTER_CASE(Event, failed)
  }
  return "unknown";
}

const char* nameOf(Outcome outcome) {
  switch (outcome) {
    OTTER_CASE(Outcome, none)
    OTTER_CASE(Outcome, due)
    OTTER_CASE(Outcome, nothing)
    OTTER_CASE(Outcome, offered)
    OTTER_CASE(Outcome, offered_again)
    OTTER_CASE(Outcome, refused)
    OTTER_CASE(Outcome, deferred)
    OTTER_CASE(Outcome, unreachable)
    OTTER_CASE(Outcome, interrupted)
    OTTER_CASE(Outcome, complete)
    OTTER_CASE(Outcome, failed)
    OTTER_CASE(Outcome, may_install)
    OTTER_CASE(Outcome, activated)
    OTTER_CASE(Outcome, reached)
    OTTER_CASE(Outcome, healthy)
    OTTER_CASE(Outcome, unhealthy)
    OTTER_CASE(Outcome, stuck)
  }
  return "unknown";
}

const char* nameOf(Action action) {
  switch (action) {
    OTTER_CASE(Action, nothing)
    OTTER_CASE(Action, wait_for_next_check)
    OTTER_CASE(Action, back_off)
    OTTER_CASE(Action, start_download)
    OTTER_CASE(Action, resume_later)
    OTTER_CASE(Action, keep_image)
    OTTER_CASE(Action, adopt_offer)
    OTTER_CASE(Action, withdraw_approval)
    OTTER_CASE(Action, report_refusal)
    OTTER_CASE(Action, report_failure)
    OTTER_CASE(Action, restart)
    OTTER_CASE(Action, back_off_on_trial)
    OTTER_CASE(Action, confirm)
    OTTER_CASE(Action, give_up)
    OTTER_CASE(Action, keep_for_want_of_another)
  }
  return "unknown";
}

/** The names of `esp_reset_reason_t`, in the words of the protocol. */
const char* nameOf(ResetReason reason) {
  switch (reason) {
    OTTER_CASE(ResetReason, unknown)
    OTTER_CASE(ResetReason, power_on)
    OTTER_CASE(ResetReason, external)
    OTTER_CASE(ResetReason, software)
    OTTER_CASE(ResetReason, panic)
    OTTER_CASE(ResetReason, interrupt_watchdog)
    OTTER_CASE(ResetReason, task_watchdog)
    OTTER_CASE(ResetReason, other_watchdog)
    OTTER_CASE(ResetReason, deep_sleep)
    OTTER_CASE(ResetReason, brownout)
    OTTER_CASE(ResetReason, sdio)
    OTTER_CASE(ResetReason, usb)
    OTTER_CASE(ResetReason, jtag)
    OTTER_CASE(ResetReason, efuse)
    OTTER_CASE(ResetReason, other)
    OTTER_CASE(ResetReason, cpu_lockup)
    OTTER_CASE(ResetReason, pwr_glitch)
  }
  return "unknown";
}

}  // namespace otter
