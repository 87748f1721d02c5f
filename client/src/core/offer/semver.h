// SemVer 2.0.0 (https://semver.org): is a text one, and which of two is higher. Answers like the server on every case
// of protocol/vectors/semver.json. Allocates nothing.

#pragma once

namespace otter {

/** True for SemVer of at most 64 characters, without a leading `v`. */
bool isSemver(const char* text);

/**
 * Precedence (SemVer 11): negative, 0 or positive as `left` is lower, equal or higher. Build metadata does not count.
 * Both must be SemVer.
 */
int compareSemver(const char* left, const char* right);

}  // namespace otter
