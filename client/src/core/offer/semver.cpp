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

bool isHexDigit(char c) { return isDigit(c) || (c >= 'a' && c <= 'f'); }

/** A version as `git describe` means it. */
struct Place {
  /** SemVer, without build metadata. */
  char tag[kMaxChars + 1];
  /** Commits after the tag; no digits: none. */
  Identifier commits;
  Identifier hash;
  bool isDirty;
};

constexpr char kDirty[] = "-dirty";
constexpr size_t kDirtyChars = sizeof kDirty - 1;
constexpr size_t kMostCommitDigits = 15;
constexpr size_t kFewestHashDigits = 4;
constexpr size_t kMostHashDigits = 40;

/** Whether `text` of `length` characters ends in `-COMMITS-gHASH`; says where that begins, and its parts. */
bool findCommits(const char* text, size_t length, size_t& start, Place& place) {
  size_t hashAt = length;
  while (hashAt > 0 && isHexDigit(text[hashAt - 1])) --hashAt;
  const size_t hashLength = length - hashAt;
  if (hashLength < kFewestHashDigits || hashLength > kMostHashDigits) return false;
  if (hashAt < 2 || text[hashAt - 1] != 'g' || text[hashAt - 2] != '-') return false;
  const size_t commitsEnd = hashAt - 2;
  size_t commitsAt = commitsEnd;
  while (commitsAt > 0 && isDigit(text[commitsAt - 1])) --commitsAt;
  const Identifier commits = {text + commitsAt, commitsEnd - commitsAt};
  if (commits.length == 0 || commits.length > kMostCommitDigits || hasLeadingZero(commits)) return false;
  if (commitsAt == 0 || text[commitsAt - 1] != '-') return false;
  start = commitsAt - 1;
  place.hash = {text + hashAt, hashLength};
  // Zero commits after a tag is the tag.
  place.commits = {commits.start, commits.start[0] == '0' ? 0 : commits.length};
  return true;
}

bool copyTag(const char* text, size_t length, Place& place) {
  memcpy(place.tag, text, length);
  place.tag[length] = '\0';
  return isSemver(place.tag);
}

/** False where the text is not SemVer, with a leading `v` or without. The place points into the text. */
bool readPlace(const char* text, Place& place) {
  if ((*text == 'v' || *text == 'V') && isDigit(text[1])) ++text;
  if (!isSemver(text)) return false;
  const size_t length = strcspn(text, "+");
  size_t end = length;
  place.isDirty = end > kDirtyChars && memcmp(text + end - kDirtyChars, kDirty, kDirtyChars) == 0;
  if (place.isDirty) end -= kDirtyChars;
  if (findCommits(text, end, end, place) && copyTag(text, end, place)) return true;
  place.commits = {text, 0};
  place.hash = {text, 0};
  end = place.isDirty ? length - kDirtyChars : length;
  if (copyTag(text, end, place)) return true;
  place.isDirty = false;
  return copyTag(text, length, place);
}

VersionOrder orderOf(int difference) {
  if (difference == 0) return VersionOrder::equal;
  return difference < 0 ? VersionOrder::lower : VersionOrder::higher;
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

VersionOrder compareVersions(const char* left, const char* right) {
  Place here;
  Place there;
  if (!readPlace(left, here) || !readPlace(right, there)) return VersionOrder::unreadable;
  const int order = compareSemver(here.tag, there.tag);
  if (order != 0) return orderOf(order);
  const int commits = compareNumbers(here.commits, there.commits);
  if (commits != 0) return orderOf(commits);
  if (here.commits.length > 0 && compareTexts(here.hash, there.hash) != 0) return VersionOrder::unordered;
  return orderOf(static_cast<int>(here.isDirty) - static_cast<int>(there.isDirty));
}

}  // namespace otter
