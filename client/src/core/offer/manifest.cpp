#include "manifest.h"

#include <string.h>

#include "label_rule.h"
#include "semver.h"
#include "../text_buffer.h"

namespace otter {
namespace {

/** `esp32` and up to four lower-case letters and digits (`protocol/words.ts`). */
bool isChip(const char* text) {
  if (strncmp(text, "esp32", 5) != 0 || strlen(text) > 9) return false;
  for (const char* at = text + 5; *at != '\0'; ++at)
    if (!((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9'))) return false;
  return true;
}

/** A path of printable ASCII on the same server: what goes into a request line as it is. */
bool isPath(const char* text) {
  if (text[0] != '/' || text[1] == '/') return false;
  for (const char* at = text; *at != '\0'; ++at)
    if (*at <= ' ' || *at > '~' || *at == '\\') return false;
  return true;
}

bool readSha256(const Json& value, uint8_t sha256[32]) {
  char text[65];
  return value.copyString(text, sizeof text) && parseSha256(text, sha256);
}

bool readInstant(const Json& value, char text[21]) {
  int64_t epochS = 0;
  return value.copyString(text, 21) && parseInstant(text, epochS);
}

bool readExpiry(const Json& value, char text[21]) {
  strcpy(text, "-");
  return !value.isThere() || value.equals("-", 1) || readInstant(value, text);
}

Error readManifest(const Json& value, Manifest& manifest) {
  const Json product = value.member("product");
  const Json version = value.member("version");
  const Json elfSha256 = value.member("elf_sha256");
  if (!value.isObject() || !value.member("format").equals(kManifestFormat, strlen(kManifestFormat)))
    return Error::manifest_syntax;
  if (!product.copyString(manifest.product, sizeof manifest.product) ||
      !isName(manifest.product, strlen(manifest.product)))
    return Error::manifest_syntax;
  if (!version.isString()) return Error::manifest_syntax;
  if (!version.copyString(manifest.version, sizeof manifest.version) || !isSemver(manifest.version))
    return Error::version_invalid;
  if (!value.member("chip").copyString(manifest.chip, sizeof manifest.chip) || !isChip(manifest.chip))
    return Error::manifest_syntax;
  if (!value.member("security_version").toUint32(manifest.securityVersion)) return Error::manifest_syntax;
  if (!value.member("size_bytes").toUint32(manifest.sizeBytes) || manifest.sizeBytes == 0)
    return Error::manifest_syntax;
  if (!readSha256(value.member("sha256"), manifest.sha256)) return Error::manifest_syntax;
  memset(manifest.elfSha256, 0, sizeof manifest.elfSha256);
  if (elfSha256.isThere() && !readSha256(elfSha256, manifest.elfSha256)) return Error::manifest_syntax;
  if (!readInstant(value.member("created_at"), manifest.createdAt)) return Error::manifest_syntax;
  if (!readExpiry(value.member("expires_at"), manifest.expiresAt)) return Error::manifest_syntax;
  return manifest.sizeBytes > kMaxImageBytes ? Error::size : Error::ok;
}

bool readInstallWindow(const Json& value, InstallWindow& window) {
  if (!value.isThere()) return true;
  uint32_t fromMinute = 0;
  uint32_t durationMin = 0;
  int32_t utcOffsetMin = 0;
  if (!value.member("from_minute").toUint32(fromMinute) || fromMinute >= kMinutesOfDay) return false;
  if (!value.member("duration_min").toUint32(durationMin) || durationMin < 1 || durationMin > kMinutesOfDay)
    return false;
  if (!value.member("utc_offset_min").toInt32(utcOffsetMin)) return false;
  if (utcOffsetMin < -kMostUtcOffsetMin || utcOffsetMin > kMostUtcOffsetMin) return false;
  window = {static_cast<uint16_t>(fromMinute), static_cast<uint16_t>(durationMin), static_cast<int16_t>(utcOffsetMin)};
  return true;
}

/** Text of exactly `count` digits. */
bool takeDigits(const char*& at, int count, int& number) {
  number = 0;
  for (; count > 0; --count, ++at) {
    if (*at < '0' || *at > '9') return false;
    number = number * 10 + (*at - '0');
  }
  return true;
}

bool take(const char*& at, char expected) { return *at == expected ? (++at, true) : false; }

constexpr int kDaysBeforeMonth[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

/** The Gregorian calendar: 4, 100, 400. */
bool isLeapYear(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int daysOf(int year, int month) {
  return kDaysBeforeMonth[month] - kDaysBeforeMonth[month - 1] + (month == 2 && isLeapYear(year) ? 1 : 0);
}

/** Days from 1970-01-01 to the first of a month. */
int64_t daysBefore(int year, int month) {
  const int lastYear = year - 1;
  const int leapDays = lastYear / 4 - lastYear / 100 + lastYear / 400 - 477;
  return static_cast<int64_t>(year - 1970) * 365 + leapDays + kDaysBeforeMonth[month - 1] +
         (isLeapYear(year) && month > 2 ? 1 : 0);
}

}  // namespace

Error readCheckAnswer(const Json& root, CheckAnswer& answer) {
  memset(static_cast<void*>(&answer), 0, sizeof answer);
  const Json available = root.member("update_available");
  if (!available.isTrue() && !available.isFalse()) return Error::json;
  if (!root.member("poll_interval_s").toUint32(answer.pollIntervalS)) return Error::json;
  if (answer.pollIntervalS < kMinPollIntervalS) answer.pollIntervalS = kMinPollIntervalS;
  if (answer.pollIntervalS > kMaxPollIntervalS) answer.pollIntervalS = kMaxPollIntervalS;
  answer.isOffer = available.isTrue();
  if (!answer.isOffer) return Error::ok;
  const Json rollback = root.member("rollback");
  if (!root.member("assignment_id").toUint53(answer.assignmentId) || answer.assignmentId == 0)
    return Error::manifest_syntax;
  if (!rollback.isTrue() && !rollback.isFalse()) return Error::manifest_syntax;
  answer.isRollback = rollback.isTrue();
  // Anything but `true` is as if it were not there: a word that cannot be read forgives nothing.
  answer.isForgiven = root.member("forgiven").isTrue();
  answer.isOptional = root.member("optional").isTrue();
  answer.isForced = root.member("forced").isTrue();
  if (!root.member("url").copyString(answer.url, sizeof answer.url) || !isPath(answer.url))
    return Error::manifest_syntax;
  if (!readInstallWindow(root.member("install_window"), answer.installWindow)) return Error::manifest_syntax;
  return readManifest(root.member("manifest"), answer.manifest);
}

size_t writeCanonicalText(const Manifest& manifest, char text[kCanonicalTextBytes]) {
  char sha256[65];
  writeSha256(manifest.sha256, sha256);
  TextBuffer out(text, kCanonicalTextBytes);
  out.add(kManifestFormat).add("\nproduct=").add(manifest.product).add("\nchip=").add(manifest.chip);
  out.add("\nversion=").add(manifest.version).add("\nsecurity_version=").addNumber(manifest.securityVersion);
  out.add("\nsize_bytes=").addNumber(manifest.sizeBytes).add("\nsha256=").add(sha256);
  out.add("\ncreated_at=").add(manifest.createdAt).add("\nexpires_at=").add(manifest.expiresAt).add("\n");
  return out.size();
}

bool parseInstant(const char* text, int64_t& epochS) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  const char* at = text;
  const bool isShaped = takeDigits(at, 4, year) && take(at, '-') && takeDigits(at, 2, month) && take(at, '-') &&
                        takeDigits(at, 2, day) && take(at, 'T') && takeDigits(at, 2, hour) && take(at, ':') &&
                        takeDigits(at, 2, minute) && take(at, ':') && takeDigits(at, 2, second) && take(at, 'Z') &&
                        *at == '\0';
  if (!isShaped || year < 1970 || month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return false;
  if (hour > 23 || minute > 59 || second > 60) return false;
  epochS = ((daysBefore(year, month) + day - 1) * 24 + hour) * 3600 + minute * 60 + second;
  return true;
}

bool parseSha256(const char* text, uint8_t sha256[32]) {
  for (size_t i = 0; i < 64; ++i) {
    const char c = text[i];
    const bool isLetter = c >= 'a' && c <= 'f';
    if (!isLetter && (c < '0' || c > '9')) return false;
    const int digit = isLetter ? c - 'a' + 10 : c - '0';
    sha256[i / 2] = static_cast<uint8_t>(i % 2 == 0 ? digit << 4 : sha256[i / 2] | digit);
  }
  return text[64] == '\0';
}

void writeSha256(const uint8_t sha256[32], char text[65]) {
  for (size_t i = 0; i < 32; ++i) {
    text[2 * i] = "0123456789abcdef"[sha256[i] >> 4];
    text[2 * i + 1] = "0123456789abcdef"[sha256[i] & 0xF];
  }
  text[64] = '\0';
}

}  // namespace otter
