// How long to wait: the table "When to ask, and how to wait" of docs/device-protocol.md. Pure; `random` is 32 random
// bits.

#pragma once

#include <stdint.h>

namespace otter {

/** After power-on: so that a house does not come back all at once. */
uint32_t firstCheckWaitMs(uint32_t random);

/** An unconfirmed build is at risk: soon. */
uint32_t trialCheckWaitMs(uint32_t random);

/** Between checks on trial, where the last one failed: quicker than usual, the trial has an end. */
uint32_t trialRetryWaitMs(uint32_t failures, uint32_t random);

/** 0.9 to 1.1 times the interval. */
uint32_t pollWaitMs(uint32_t intervalS, uint32_t random);

/** After a failed request, with `failures` before it: 60 s doubled each time up to `longestS`, times 0.5 to 1. */
uint32_t backOffMs(uint32_t failures, uint32_t longestS, uint32_t random);

/** `Retry-After`, at most a day, times 1 to 1.25. */
uint32_t retryAfterMs(uint32_t seconds, uint32_t random);

constexpr uint32_t kLongestBackOffS = 6 * 3600;
/** Where the token is refused, a person has to act; they should not have to wait six hours for the board to notice. */
constexpr uint32_t kLongestAuthBackOffS = 3600;

}  // namespace otter
