// SemVer beyond the shared vectors: numbers of any length, the limit of the text, and that the order is one.

#include "core/offer/semver.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using otter::compareSemver;
using otter::isSemver;

TEST_CASE("a version has at most 64 characters") {
  const std::string start = "1.0.0-";
  CHECK(isSemver((start + std::string(58, 'a')).c_str()));
  CHECK_FALSE(isSemver((start + std::string(59, 'a')).c_str()));
}

TEST_CASE("numbers longer than any integer are ordered") {
  const std::vector<std::string> rising = {
      "18446744073709551615.0.0",
      "18446744073709551616.0.0",
      "18446744073709551616.0.1-99999999999999999998",
      "18446744073709551616.0.1-99999999999999999999",
      "18446744073709551616.0.1-100000000000000000000",
      "18446744073709551616.0.1",
      "99999999999999999999999999999.0.0",
  };
  for (size_t left = 0; left < rising.size(); ++left) {
    for (size_t right = 0; right < rising.size(); ++right) {
      CAPTURE(rising[left]);
      CAPTURE(rising[right]);
      CHECK(isSemver(rising[left].c_str()));
      const int order = compareSemver(rising[left].c_str(), rising[right].c_str());
      CHECK((order < 0) == (left < right));
      CHECK((order > 0) == (left > right));
    }
  }
}

TEST_CASE("every byte is SemVer only where it may stand") {
  for (int byte = 1; byte < 256; ++byte) {
    const auto c = static_cast<char>(byte);
    const bool isDigit = c >= '0' && c <= '9';
    const bool isLetter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    CAPTURE(byte);
    CHECK(isSemver((std::string("1.0.") + c).c_str()) == isDigit);
    CHECK(isSemver((std::string("1.0.0-") + c).c_str()) == (isDigit || isLetter || c == '-'));
    CHECK(isSemver((std::string("1.0.0+") + c).c_str()) == (isDigit || isLetter || c == '-'));
    CHECK_FALSE(isSemver((c + std::string(".x.0")).c_str()));
  }
}
