#include "semver.h"

#include <stddef.h>
#include <string.h>

namespace otter {
namespace {

constexpr size_t kMaxChars = 64;

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isIdentifierChar(char c) { return isDigit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-'; }

/** A run of characters: numeric identifiers may be longer than any integer type. */
struct Identifier {
  const char* start;
  size_t length;
};

bool isNumeric(const Identifier& identifier) {
  for (size_t i = 0; i < identifier.length; ++i)
    if (!isDigit(identifier.start[i])) return false;
  return identifier.length > 0;
}

bool hasLeadingZero(const Identifier& identifier) { return identifier.length > 1 && identifier.start[0] == '0'; }

/** Takes digits or identifier characters from `at`, and moves it behind them. */
Identifier take(const char*& at, bool (*accepts)(char)) {
  const char* start = at;
  while (*at != '\0' && accepts(*at)) ++at;
  return {start, static_cast<size_t>(at - start)};
}

bool skip(const char*& at, char expected) {
  if (*at != expected) return false;
  ++at;
  return true;
}

bool takeCoreNumber(const char*& at) {
  const Identifier number = take(at, isDigit);
  return number.length > 0 && !hasLeadingZero(number);
}

/** Identifiers between dots; numeric ones of a pre-release have no leading zero. */
bool takeIdentifiers(const char*& at, bool isPreRelease) {
  do {
    const Identifier identifier = take(at, isIdentifierChar);
    if (identifier.length == 0) return false;
    if (isPreRelease && isNumeric(identifier) && hasLeadingZero(identifier)) return false;
  } while (skip(at, '.'));
  return true;
}

int sign(int value) { return value < 0 ? -1 : (value > 0 ? 1 : 0); }

int compareNumbers(const Identifier& left, const Identifier& right) {
  if (left.length != right.length) return left.length < right.length ? -1 : 1;
  return sign(memcmp(left.start, right.start, left.length));
}

int compareTexts(const Identifier& left, const Identifier& right) {
  const size_t shorter = left.length < right.length ? left.length : right.length;
  const int order = sign(memcmp(left.start, right.start, shorter));
  if (order != 0) return order;
  return left.length == right.length ? 0 : (left.length < right.length ? -1 : 1);
}

int compareIdentifiers(const Identifier& left, const Identifier& right) {
  const bool isLeftNumeric = isNumeric(left);
  const bool isRightNumeric = isNumeric(right);
  if (isLeftNumeric && isRightNumeric) return compareNumbers(left, right);
  if (isLeftNumeric != isRightNumeric) return isLeftNumeric ? -1 : 1;
  return compareTexts(left, right);
}

int comparePreReleases(const char* left, const char* right) {
  const bool hasLeft = *left == '-';
  const bool hasRight = *right == '-';
  // SemVer 11.3: a version with a pre-release is lower than the same one without.
  if (hasLeft != hasRight) return hasLeft ? -1 : 1;
  if (!hasLeft) return 0;
  for (;;) {
    const Identifier leftIdentifier = take(++left, isIdentifierChar);
    const Identifier rightIdentifier = take(++right, isIdentifierChar);
    const int order = compareIdentifiers(leftIdentifier, rightIdentifier);
    if (order != 0) return order;
    const bool leftGoesOn = *left == '.';
    const bool rightGoesOn = *right == '.';
    if (!leftGoesOn || !rightGoesOn) return leftGoesOn == rightGoesOn ? 0 : (leftGoesOn ? 1 : -1);
  }
}

}  // namespace

bool isSemver(const char* text) {
  if (strlen(text) > kMaxChars) return false;
  const char* at = text;
  if (!takeCoreNumber(at) || !skip(at, '.')) return false;
  if (!takeCoreNumber(at) || !skip(at, '.')) return false;
  if (!takeCoreNumber(at)) return false;
  if (skip(at, '-') && !takeIdentifiers(at, true)) return false;
  if (skip(at, '+') && !takeIdentifiers(at, false)) return false;
  return *at == '\0';
}

int compareSemver(const char* left, const char* right) {
  for (int part = 0; part < 3; ++part) {
    const int order = compareNumbers(take(left, isDigit), take(right, isDigit));
    if (order != 0) return order;
    if (part < 2) {
      ++left;
      ++right;
    }
  }
  return comparePreReleases(left, right);
}

}  // namespace otter
