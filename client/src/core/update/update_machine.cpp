#include "update_machine.h"

namespace otter {
namespace {

using S = State;
using H = Outcome;
using A = Action;

constexpr Transition kTransitions[] = {
    {S::idle, H::due, S::checking, A::nothing},

    {S::checking, H::nothing, S::idle, A::wait_for_next_check},
    {S::checking, H::offered, S::downloading, A::start_download},
    {S::checking, H::offered_again, S::staged, A::adopt_offer},
    {S::checking, H::refused, S::idle, A::report_refusal},
    {S::checking, H::deferred, S::idle, A::wait_for_next_check},
    {S::checking, H::unreachable, S::idle, A::back_off},

    {S::downloading, H::interrupted, S::downloading, A::resume_later},
    {S::downloading, H::complete, S::staged, A::keep_image},
    {S::downloading, H::failed, S::idle, A::report_failure},

    {S::staged, H::may_install, S::installing, A::nothing},
    {S::staged, H::due, S::staged_checking, A::nothing},

    {S::staged_checking, H::nothing, S::staged, A::withdraw_approval},
    {S::staged_checking, H::offered, S::downloading, A::start_download},
    {S::staged_checking, H::offered_again, S::staged, A::adopt_offer},
    {S::staged_checking, H::refused, S::idle, A::report_refusal},
    {S::staged_checking, H::deferred, S::staged, A::wait_for_next_check},
    {S::staged_checking, H::unreachable, S::staged, A::back_off},

    {S::installing, H::activated, S::restarting, A::restart},
    {S::installing, H::failed, S::idle, A::report_failure},

    {S::trial, H::due, S::trial_checking, A::nothing},
    {S::trial, H::unhealthy, S::restarting, A::give_up},

    {S::trial_checking, H::reached, S::trial_health, A::nothing},
    {S::trial_checking, H::unreachable, S::trial, A::back_off_on_trial},

    {S::trial_health, H::healthy, S::idle, A::confirm},
    {S::trial_health, H::unhealthy, S::restarting, A::give_up},

    {S::restarting, H::stuck, S::idle, A::keep_for_want_of_another},
};

}  // namespace

const Transition* transitions(size_t& count) {
  count = sizeof kTransitions / sizeof kTransitions[0];
  return kTransitions;
}

const Transition* findTransition(State from, Outcome outcome) {
  for (const Transition& transition : kTransitions)
    if (transition.from == from && transition.outcome == outcome) return &transition;
  return nullptr;
}

}  // namespace otter
