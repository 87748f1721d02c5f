// The label rule of a board: which offers it takes, by the labels that the operator put on it. Terms separated by
// commas, all must hold: `pilot` = has it, `!pilot` = does not. Answers like protocol/device/label-rule.ts on every case of
// protocol/vectors/label-rules.json. Allocates nothing.

#pragma once

#include <stddef.h>

namespace otter {

/** A name: `[a-z0-9][a-z0-9._-]*`, at most 32 characters (`protocol/words.ts`). */
bool isName(const char* text, size_t length);

/** True for an empty rule, and for terms of names; blanks around a term are allowed. */
bool isLabelRule(const char* rule);

/** The labels of a board, wherever they are kept. */
class Labels {
 public:
  virtual bool has(const char* name, size_t length) const = 0;

 protected:
  ~Labels() = default;
};

/** False also for a rule that is none: fail closed. */
bool matchesLabelRule(const char* rule, const Labels& labels);

}  // namespace otter
