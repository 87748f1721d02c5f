#include "memory_server.h"

#include <mbedtls/sha256.h>

#include <algorithm>
#include <cstring>

#include "core/wire/json.h"
#include "core/offer/manifest.h"

namespace testing {
namespace {

constexpr const char* kCreatedAt = "2026-11-23T10:00:00Z";
/** `app_elf_sha256` in the file (`esp_app_desc.h`). */
constexpr size_t kElfSha256Offset = 0xB0;

std::string hex(const uint8_t* sha256) {
  char text[65];
  otter::writeSha256(sha256, text);
  return text;
}

std::string sha256Of(const board::Bytes& bytes) {
  uint8_t sha256[32];
  mbedtls_sha256_ret(bytes.data(), bytes.size(), sha256, 0);
  return hex(sha256);
}

otter::Json parsed(const std::string& text) {
  otter::Json root;
  return otter::Json::parse(text.data(), text.size(), root) ? root : otter::Json();
}

std::string textOf(const otter::Json& value) {
  char text[256] = "";
  return value.copyString(text, sizeof text) ? text : "";
}

uint64_t numberOf(const otter::Json& value) {
  uint64_t number = 0;
  value.toUint53(number);
  return number;
}

bool isFinal(const std::string& status) {
  return status == "confirmed" || status == "failed" || status == "rolled_back" || status == "rejected";
}

/** As the server sees it: a build that was rolled back by its own fault is not offered again. */
bool isProvenBad(const ReceivedReport& report) {
  if (report.status != "rolled_back" && report.status != "rejected") return false;
  for (const otter::Error error : {otter::Error::crash, otter::Error::watchdog, otter::Error::self_test,
                                   otter::Error::trial_timeout, otter::Error::boot_rejected, otter::Error::known_bad})
    if (report.error == otter::nameOf(error)) return true;
  return false;
}

}  // namespace

std::string answerOf(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

void MemoryServer::offer(const OfferedBuild& build) {
  build_ = build;
  isOffering_ = true;
  isAttemptOpen_ = false;
  isAtRest_ = false;
}

void MemoryServer::offerAgain() {
  isOffering_ = true;
  isAttemptOpen_ = true;
  wasInstalling_ = false;
  isAtRest_ = false;
}

size_t MemoryServer::finalReportsOf(uint64_t assignmentId) const {
  return static_cast<size_t>(std::count_if(reports_.begin(), reports_.end(), [=](const ReceivedReport& report) {
    return report.assignmentId == assignmentId && isFinal(report.status);
  }));
}

otter::Error MemoryServer::open(const char*, uint16_t) {
  if (isDown) return otter::Error::connect;
  onOpen();
  isOpen_ = true;
  request_.clear();
  answer_.clear();
  answered_ = 0;
  return otter::Error::ok;
}

void MemoryServer::close() { isOpen_ = false; }

otter::Error MemoryServer::write(const char* bytes, size_t count) {
  if (!isOpen_ || isDown) return otter::Error::connection_lost;
  request_.append(bytes, count);
  const size_t headEnd = request_.find("\r\n\r\n");
  if (headEnd == std::string::npos) return otter::Error::ok;
  const size_t lengthAt = request_.find("Content-Length: ");
  const size_t bodyBytes =
      lengthAt < headEnd ? static_cast<size_t>(std::stoul(request_.substr(lengthAt + strlen("Content-Length: ")))) : 0;
  if (request_.size() < headEnd + 4 + bodyBytes) return otter::Error::ok;
  const std::string head = request_.substr(0, headEnd);
  const std::string body = request_.substr(headEnd + 4);
  request_.clear();
  answerRequest(head, body);
  return otter::Error::ok;
}

otter::Error MemoryServer::read(uint8_t* bytes, size_t capacity, size_t& received) {
  received = 0;
  if (!isOpen_ || isDown) return otter::Error::connection_lost;
  received = std::min(capacity, answer_.size() - answered_);
  if (breakAfterBytes > 0 && answered_ + received > breakAfterBytes) {
    breakAfterBytes = 0;
    isOpen_ = false;
    return otter::Error::connection_lost;
  }
  std::memcpy(bytes, answer_.data() + answered_, received);
  answered_ += received;
  return otter::Error::ok;
}

void MemoryServer::answerRequest(const std::string& head, const std::string& body) {
  answered_ = 0;
  const size_t pathAt = head.find(' ') + 1;
  const std::string path = head.substr(pathAt, head.find(' ', pathAt) - pathAt);
  const size_t tokenAt = head.find("Bearer ") + strlen("Bearer ");
  const std::string token = head.substr(tokenAt, head.find("\r\n", tokenAt) - tokenAt);
  requests.emplace_back(path, token);
  if (path == "/api/v1/check-update") lastToken_ = token;
  answer_ = answerInstead(path, token);
  if (answer_ == "hang up") return close();
  if (!answer_.empty()) return;
  if (!takesToken(token)) {
    answer_ = answerOf("401 Unauthorized", R"({"error":{"code":"token_invalid","message":"","hint":""}})");
    return;
  }
  if (path == "/api/v1/check-update") {
    const std::string answer = checkIn(body);
    return answerJson(garbles ? "{}" : answer);
  }
  if (path == "/api/v1/enrol") return answerJson(enrol(body));
  if (path == "/api/v1/report-status") return answerJson(takeReport(body));
  answerImage(head);
}

bool MemoryServer::takesToken(const std::string& token) const {
  return token == fleetToken || acceptedTokens.count(token) > 0;
}

std::string MemoryServer::enrol(const std::string& body) {
  ++enrolments_;
  const std::string token = textOf(parsed(body).member("token"));
  askedTokens_.insert(token);
  if (enrolmentState == "accepted") acceptedTokens.insert(token);
  return R"({"state":")" + enrolmentState + R"("})";
}

void MemoryServer::answerJson(const std::string& json) {
  answer_ = "HTTP/1.1 200 OK\r\n" + (date.empty() ? "" : "Date: " + date + "\r\n") +
            "Content-Length: " + std::to_string(json.size()) + "\r\n\r\n" + json;
}

std::string MemoryServer::checkIn(const std::string& body) {
  ++checkIns_;
  lastCheckIn_ = body;
  const otter::Json root = parsed(body);
  const bool isOnTrial = textOf(root.member("boot").member("state")) == "trial";
  lastVersion_ = textOf(root.member("current_version"));
  if (isOffering_ && lastVersion_ == build_.version) {
    if (!isOnTrial) closeAttempt(true);
  } else if (isAttemptOpen_ && wasInstalling_) {
    closeAttempt(false);
  }
  isAtRest_ = !isOffering_ && !isOnTrial;
  if (!isOffering_ || isOnTrial)
    return R"({"update_available":false,"reason":"up_to_date","poll_interval_s":60)" + moreOfNothing + "}";
  if (!isAttemptOpen_) {
    ++assignmentId_;
    isAttemptOpen_ = true;
    wasInstalling_ = false;
  }
  return R"({"update_available":true,"reason":"update","poll_interval_s":60,"assignment_id":)" +
         std::to_string(assignmentId_) + R"(,"rollback":)" + (build_.isRollback ? "true" : "false") +
         (forgivenAttempt == assignmentId_ || forgivenAttempt == UINT64_MAX ? R"(,"forgiven":true)" : "") +
         moreOfOffer +
         (installWindow.empty() ? "" : R"(,"install_window":)" + installWindow) +
         R"(,"labels":["pilot"],"manifest":{"format":"otter-manifest/1","product":")" + product + R"(","version":")" +
         build_.version + R"(","chip":")" + chip + R"(","size_bytes":)" + std::to_string(build_.image.size()) +
         R"(,"sha256":")" + sha256Of(build_.image) + R"(","security_version":)" +
         std::to_string(build_.securityVersion) + R"(,"created_at":")" + kCreatedAt + R"(","elf_sha256":")" +
         hex(build_.image.data() + kElfSha256Offset) + R"(","release_notes":""},"url":"/image.bin"})";
}

std::string MemoryServer::takeReport(const std::string& body) {
  const otter::Json root = parsed(body);
  const ReceivedReport report = {numberOf(root.member("assignment_id")), textOf(root.member("status")),
                                 textOf(root.member("error_code"))};
  const bool isNew =
      sequences_.emplace(std::make_pair(report.assignmentId, numberOf(root.member("sequence"))), true).second;
  if (isNew) reports_.push_back(report);
  if (isNew && report.assignmentId == assignmentId_ && isOffering_) {
    wasInstalling_ = wasInstalling_ || report.status == "installing";
    if (isFinal(report.status)) closeAttempt(report.status == "confirmed" || isProvenBad(report));
  }
  return isNew ? R"({"state":"noted","duplicate":false})" : R"({"state":"noted","duplicate":true})";
}

void MemoryServer::closeAttempt(bool isForGood) {
  isAttemptOpen_ = false;
  wasInstalling_ = false;
  if (isForGood) isOffering_ = false;
}

void MemoryServer::answerImage(const std::string& head) {
  const board::Bytes& image = build_.image;
  const size_t rangeAt = head.find("Range: bytes=");
  const size_t from = rangeAt == std::string::npos ? 0 : std::stoul(head.substr(rangeAt + strlen("Range: bytes=")));
  const std::string range =
      "bytes " + std::to_string(from) + "-" + std::to_string(image.size() - 1) + "/" + std::to_string(image.size());
  answer_ = std::string(from > 0 ? "HTTP/1.1 206 Partial Content\r\nContent-Range: " + range + "\r\n"
                                 : "HTTP/1.1 200 OK\r\n") +
            "ETag: \"" + sha256Of(image) + "\"\r\nContent-Length: " + std::to_string(image.size() - from) + "\r\n\r\n";
  answer_.append(reinterpret_cast<const char*>(image.data()) + from, image.size() - from);
  sentImageBytes_ += image.size() - from;
}

}  // namespace testing
