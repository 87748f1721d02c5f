#include "configuration.h"

#include <string.h>

#include "../offer/label_rule.h"
#include "../offer/manifest.h"
#include "../text_buffer.h"

namespace otter {
namespace {

constexpr const char* kFormat = "otter-config/1";
constexpr const char* kPinPrefix = "spki:";
/** `spki:`, 64 hex digits, NUL. */
constexpr size_t kPinTextBytes = 5 + 64 + 1;

/** Only the spelling that is signed: `spki:` and 64 lower-case hex digits. */
bool readPin(const Json& value, Pin& pin) {
  char text[kPinTextBytes];
  pin.kind = Pin::Kind::spki;
  return value.copyString(text, sizeof text) && strlen(text) == sizeof text - 1 &&
         strncmp(text, kPinPrefix, strlen(kPinPrefix)) == 0 && parseSha256(text + strlen(kPinPrefix), pin.sha256);
}

bool readPins(const Json& list, Configuration& configuration) {
  configuration.pinCount = 0;
  for (Json pin = list.firstElement(); pin.isThere(); pin = pin.nextElement()) {
    if (configuration.pinCount == kConfiguredPins) return false;
    if (!readPin(pin, configuration.pins[configuration.pinCount++])) return false;
  }
  return configuration.pinCount > 0;
}

bool readExpiry(const Json& value, char text[21]) {
  int64_t epochS = 0;
  return value.copyString(text, 21) && (strcmp(text, "-") == 0 || parseInstant(text, epochS));
}

}  // namespace

Error readConfiguration(const Json& value, Configuration& configuration) {
  memset(static_cast<void*>(&configuration), 0, sizeof configuration);
  char* product = configuration.product;
  const bool isGood = value.isObject() && value.member("format").equals(kFormat, strlen(kFormat)) &&
                      value.member("product").copyString(product, sizeof configuration.product) &&
                      isName(product, strlen(product)) &&
                      value.member("sequence").toUint32(configuration.sequence) && configuration.sequence > 0 &&
                      value.member("pins").isArray() && readPins(value.member("pins"), configuration) &&
                      readExpiry(value.member("expires_at"), configuration.expiresAt);
  return isGood ? Error::ok : Error::configuration;
}

size_t writeCanonicalText(const Configuration& configuration, char text[kConfigurationTextBytes]) {
  TextBuffer out(text, kConfigurationTextBytes);
  out.add(kFormat).add("\nproduct=").add(configuration.product);
  out.add("\nsequence=").addNumber(configuration.sequence).add("\npins=");
  for (size_t i = 0; i < configuration.pinCount; ++i) {
    char sha256[65];
    writeSha256(configuration.pins[i].sha256, sha256);
    out.add(i == 0 ? "" : ",").add(kPinPrefix).add(sha256);
  }
  out.add("\nexpires_at=").add(configuration.expiresAt).add("\n");
  return out.size();
}

}  // namespace otter
