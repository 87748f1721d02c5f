// Labels in a list.

#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "core/offer/label_rule.h"

namespace otter_test {

class LabelList final : public otter::Labels {
 public:
  explicit LabelList(std::vector<std::string> names) : names_(std::move(names)) {}
  bool has(const char* name, size_t length) const override {
    return std::find(names_.begin(), names_.end(), std::string(name, length)) != names_.end();
  }

 private:
  std::vector<std::string> names_;
};

}  // namespace otter_test
