// Versions: SemVer 2.0.0 (https://semver.org), and what people write beside it: a leading `v`, and what `git describe` makes
// of a tag. Answers like the server (protocol/device/version.ts) on every case of protocol/vectors/semver.json. Allocates nothing.

#pragma once

namespace otter {

/** True for SemVer of at most 64 characters, without a leading `v`. */
bool isSemver(const char* text);

/**
 * Precedence (SemVer 11): negative, 0 or positive as `left` is lower, equal or higher. Build metadata does not count.
 * Both must be SemVer.
 */
int compareSemver(const char* left, const char* right);

enum class VersionOrder {
  lower,
  equal,
  higher,
  /** Equally many commits after one tag, and not the same commit. */
  unordered,
  /** One of the two is not SemVer, with a leading `v` or without. */
  unreadable,
};

/**
 * How `left` stands to `right`. `1.4.1-2-g0296947` is two commits after 1.4.1 and below all that comes after 1.4.1; `-dirty` is
 * after the same without.
 */
VersionOrder compareVersions(const char* left, const char* right);

}  // namespace otter
