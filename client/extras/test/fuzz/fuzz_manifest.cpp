// Any bytes as an answer to a check-in: what is accepted has only fields that a board may act on.

#include <cstring>
#include <vector>

#include "core/offer/label_rule.h"
#include "core/offer/manifest.h"
#include "core/offer/semver.h"
#include "core/offer/offer_validation.h"
#include "fuzz_target.h"

using namespace otter;

namespace {

class Worn final : public Labels {
 public:
  bool has(const char* name, size_t length) const override {
    fuzz::require(isName(name, length));
    return length % 2 == 0;
  }
};

template <size_t capacity>
size_t lengthOf(const char (&text)[capacity]) {
  const size_t length = strnlen(text, capacity);
  fuzz::require(length < capacity);
  return length;
}

void checkOffer(const CheckAnswer& answer) {
  const Manifest& manifest = answer.manifest;
  fuzz::require(isName(manifest.product, lengthOf(manifest.product)));
  fuzz::require(lengthOf(manifest.version) > 0 && isSemver(manifest.version));
  fuzz::require(compareSemver(manifest.version, manifest.version) == 0);
  fuzz::require(std::strncmp(manifest.chip, "esp32", 5) == 0 && lengthOf(manifest.chip) <= 9);
  fuzz::require(manifest.sizeBytes > 0 && manifest.sizeBytes <= kMaxImageBytes);
  fuzz::require(answer.assignmentId > 0 && answer.assignmentId < (1ULL << 53));
  int64_t epochS = -1;
  fuzz::require(lengthOf(manifest.createdAt) == 20 && parseInstant(manifest.createdAt, epochS) && epochS >= 0);
  fuzz::require(lengthOf(manifest.expiresAt) == 20 ? parseInstant(manifest.expiresAt, epochS)
                                                   : std::strcmp(manifest.expiresAt, "-") == 0);
  fuzz::require(lengthOf(answer.url) > 0 && answer.url[0] == '/' && answer.url[1] != '/');
  for (const char* at = answer.url; *at != '\0'; ++at) fuzz::require(*at > ' ' && *at < 0x7F);

  // Nine lines, however the fields were made: no field can hold a line of its own.
  char text[kCanonicalTextBytes];
  const size_t length = writeCanonicalText(manifest, text);
  size_t lines = 0;
  for (size_t i = 0; i < length; ++i) lines += text[i] == '\n' ? 1 : 0;
  fuzz::require(lines == 9 && text[length - 1] == '\n' && text[length] == '\0');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  const fuzz::Running running;
  fuzz::Input input(bytes, count);
  const std::string rest = input.rest();
  const std::vector<char> text(rest.begin(), rest.end());
  // A rule of the sketch is text, too: the first line of the input.
  const std::string rule = rest.substr(0, rest.find_first_of(std::string("\n\0", 2)));
  fuzz::require(!matchesLabelRule(rule.c_str(), Worn()) || isLabelRule(rule.c_str()));

  Json root;
  if (!Json::parse(text.data(), text.size(), root)) return 0;
  CheckAnswer answer;
  std::memset(static_cast<void*>(&answer), 0xA5, sizeof answer);
  const Error error = readCheckAnswer(root, answer);
  if (error != Error::ok) return 0;
  fuzz::require(answer.pollIntervalS >= kMinPollIntervalS && answer.pollIntervalS <= kMaxPollIntervalS);
  if (!answer.isOffer) return 0;
  checkOffer(answer);
  const BoardFacts board = {"thermostat", "1.0.0", "esp32s3", 1900544,   kMaxImageBytes, 0,
                            rule.c_str(), false,   false,     1795435647};
  const Error validated = validateOffer(board, answer, Worn());
  if (validated == Error::ok) {
    fuzz::require(answer.manifest.sizeBytes <= board.slotBytes &&
                  std::strcmp(answer.manifest.product, "thermostat") == 0);
    fuzz::require(answer.isRollback || compareSemver(answer.manifest.version, board.version) > 0);
  }
  return 0;
}
