// Label rules beyond the shared vectors: which names are asked for, and how.

#include "core/offer/label_rule.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace otter;

namespace {

/** Remembers what it was asked for, and wears everything. */
class Asked final : public Labels {
 public:
  bool has(const char* name, size_t length) const override {
    names.emplace_back(name, length);
    return true;
  }
  mutable std::vector<std::string> names;
};

}  // namespace

TEST_CASE("a rule asks for the bare names, and stops at the first that decides") {
  const Asked labels;
  CHECK_FALSE(matchesLabelRule(" a , bb,!ccc, dddd", labels));
  CHECK(labels.names == std::vector<std::string>{"a", "bb", "ccc"});
}

TEST_CASE("a malformed rule asks for nothing") {
  const Asked labels;
  CHECK_FALSE(matchesLabelRule("a,b,c,", labels));
  CHECK(labels.names.empty());
}

TEST_CASE("a name is counted by its length, not by a NUL") {
  CHECK(isName("pilot,shop", 5));
  CHECK_FALSE(isName("pilot,shop", 6));
  CHECK_FALSE(isName("pilot", 0));
  CHECK(isName(std::string(32, 'a').c_str(), 32));
  CHECK_FALSE(isName(std::string(33, 'a').c_str(), 33));
  CHECK_FALSE(isName("ab\0cd", 5));
}
