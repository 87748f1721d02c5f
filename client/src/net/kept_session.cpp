#include "kept_session.h"

#include <mbedtls/platform.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/x509_crt.h>
#include <string.h>

#include "../core/trust/sha256.h"
#include "../hal/hal.h"

namespace otter {

#if defined(OTTER_KEEPS_SESSION)

// mbedTLS 3 has no function for these two members. 2.28 has no name for private ones.
#if defined(MBEDTLS_PRIVATE)
#define OTTER_MEMBER(member) MBEDTLS_PRIVATE(member)
#else
#define OTTER_MEMBER(member) member
#endif

namespace {

/** Then the certificate is seen again: who stole a session, and not the key, plays the server for no longer. */
constexpr uint8_t kMostResumed = 100;
constexpr size_t kSealBytes = 32;

/** The memory. All zero: nothing is kept. */
struct Memory {
  /** SHA-256 over the server and all that follows: against memory that lost something, not against who may write it. */
  uint8_t seal[kSealBytes];
  uint16_t sessionBytes;
  uint8_t resumedCount;
  Pin pin;
  uint8_t session[kSleepMemoryBytes - kSealBytes - sizeof(Pin) - 4];
};
static_assert(sizeof(Memory) <= kSleepMemoryBytes, "the memory holds it");

bool hashServer(const char* host, uint16_t port, uint8_t server[kSealBytes]) {
  const uint8_t portBytes[2] = {static_cast<uint8_t>(port >> 8), static_cast<uint8_t>(port)};
  Sha256 hash;
  hash.begin();
  hash.update(portBytes, sizeof portBytes);
  hash.update(reinterpret_cast<const uint8_t*>(host), strlen(host));
  return hash.finish(server);
}

bool sealOf(const Memory& memory, const uint8_t server[kSealBytes], uint8_t seal[kSealBytes]) {
  const uint8_t* begin = memory.seal + kSealBytes;
  Sha256 hash;
  hash.begin();
  hash.update(server, kSealBytes);
  hash.update(begin, static_cast<size_t>(memory.session - begin) + memory.sessionBytes);
  return hash.finish(seal);
}

bool isOf(const Memory& memory, const uint8_t server[kSealBytes]) {
  if (memory.sessionBytes == 0 || memory.sessionBytes > sizeof memory.session) return false;
  uint8_t seal[kSealBytes];
  return sealOf(memory, server, seal) && memcmp(seal, memory.seal, kSealBytes) == 0 &&
         memory.resumedCount < kMostResumed;
}

/** Who goes on with a session shows no certificate: ours is not needed, and would be most of what is kept. */
void dropCertificate(mbedtls_ssl_session& session) {
#if defined(MBEDTLS_X509_CRT_PARSE_C) && defined(MBEDTLS_SSL_KEEP_PEER_CERTIFICATE)
  mbedtls_x509_crt* certificate = session.OTTER_MEMBER(peer_cert);
  if (certificate == nullptr) return;
  mbedtls_x509_crt_free(certificate);
  mbedtls_free(certificate);
  session.OTTER_MEMBER(peer_cert) = nullptr;
#else
  (void)session;
#endif
}

}  // namespace

const Pin* KeptSession::take(void* memory, const char* host, uint16_t port) {
  if (memory == nullptr || !hashServer(host, port, server_)) return nullptr;
  memory_ = memory;
  const auto& kept = *static_cast<const Memory*>(memory);
  const bool isTaken =
      isOf(kept, server_) && mbedtls_ssl_session_load(&session_, kept.session, kept.sessionBytes) == 0;
  pin_ = kept.pin;
  resumedCount_ = kept.resumedCount;
  mbedtls_platform_zeroize(memory, kSleepMemoryBytes);
  return isTaken ? &pin_ : nullptr;
}

void KeptSession::offer(mbedtls_ssl_context& ssl) { isOffered = mbedtls_ssl_set_session(&ssl, &session_) == 0; }

bool KeptSession::isProven(const mbedtls_ssl_context& ssl, const Pin* shown) {
  mbedtls_ssl_session offered = session_;
  mbedtls_ssl_session_init(&session_);
  const bool isThere = mbedtls_ssl_get_session(&ssl, &session_) == 0;
  dropCertificate(session_);
  // The handshake ended well under this secret, which its first connection made with the pinned key.
  const bool isResumed = shown == nullptr && isOffered && isThere &&
                         memcmp(session_.OTTER_MEMBER(master), offered.OTTER_MEMBER(master),
                                sizeof offered.OTTER_MEMBER(master)) == 0;
  mbedtls_ssl_session_free(&offered);
  if (shown != nullptr) {
    pin_ = *shown;
    resumedCount_ = 0;
  } else if (isResumed) {
    ++resumedCount_;
  }
  isWorthKeeping_ = isThere && (shown != nullptr || isResumed);
  return shown != nullptr || isResumed;
}

void KeptSession::keep() {
  if (memory_ == nullptr || !isWorthKeeping_) return;
  isWorthKeeping_ = false;
  auto& kept = *static_cast<Memory*>(memory_);
  memset(memory_, 0, kSleepMemoryBytes);
  size_t length = 0;
  bool isKept = mbedtls_ssl_session_save(&session_, kept.session, sizeof kept.session, &length) == 0;
  if (isKept) {
    kept.sessionBytes = static_cast<uint16_t>(length);
    kept.resumedCount = resumedCount_;
    kept.pin = pin_;
    isKept = sealOf(kept, server_, kept.seal);
  }
  if (!isKept) mbedtls_platform_zeroize(memory_, kSleepMemoryBytes);
  free();
}

void KeptSession::free() {
  mbedtls_ssl_session_free(&session_);
  mbedtls_ssl_session_init(&session_);
}

#else

const Pin* KeptSession::take(void*, const char*, uint16_t) { return nullptr; }
void KeptSession::offer(mbedtls_ssl_context&) {}
bool KeptSession::isProven(const mbedtls_ssl_context&, const Pin* shown) { return shown != nullptr; }
void KeptSession::keep() {}
void KeptSession::free() {}

#endif

}  // namespace otter
