#include "label_rule.h"

#include "../error_table.h"

namespace otter {
namespace {

bool isLowerAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

struct Term {
  bool isNegated;
  const char* name;
  size_t length;
};

enum class Taken { term, end, malformed };

/** The next term of the rule; `at` moves behind it and its comma. */
Taken takeTerm(const char*& at, bool isFirst, Term& term) {
  while (*at == ' ') ++at;
  if (*at == '\0') return isFirst ? Taken::end : Taken::malformed;
  term.isNegated = *at == '!';
  if (term.isNegated) ++at;
  term.name = at;
  while (*at != '\0' && *at != ',' && *at != ' ') ++at;
  term.length = static_cast<size_t>(at - term.name);
  while (*at == ' ') ++at;
  return isName(term.name, term.length) && (*at == '\0' || *at == ',') ? Taken::term : Taken::malformed;
}

/** Calls `holds` for each term until one does not; false for a rule that is none. */
template <typename Holds>
bool allTerms(const char* rule, Holds holds) {
  const char* at = rule;
  for (bool isFirst = true;; isFirst = false) {
    Term term{};
    const Taken taken = takeTerm(at, isFirst, term);
    if (taken != Taken::term) return taken == Taken::end;
    if (!holds(term)) return false;
    if (*at == '\0') return true;
    ++at;
  }
}

}  // namespace

bool isName(const char* text, size_t length) {
  if (length == 0 || length > kMaxNameChars || !isLowerAlphanumeric(text[0])) return false;
  for (size_t i = 1; i < length; ++i)
    if (!isLowerAlphanumeric(text[i]) && text[i] != '.' && text[i] != '_' && text[i] != '-') return false;
  return true;
}

bool isLabelRule(const char* rule) {
  return allTerms(rule, [](const Term&) { return true; });
}

bool matchesLabelRule(const char* rule, const Labels& labels) {
  return isLabelRule(rule) &&
         allTerms(rule, [&labels](const Term& term) { return labels.has(term.name, term.length) != term.isNegated; });
}

}  // namespace otter
