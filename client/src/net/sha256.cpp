// SHA-256 with mbedTLS: its own functions up to 3.x, PSA from 4 on.

#include "../core/trust/sha256.h"

#include <string.h>

#include "crypto_library.h"

#if !defined(OTTER_PSA_ONLY)
#include <mbedtls/sha256.h>
#endif

namespace otter {

namespace {

#if defined(OTTER_PSA_ONLY)

using State = psa_hash_operation_t;

bool start(State& state) {
  state = psa_hash_operation_init();
  return startCryptoLibrary() && psa_hash_setup(&state, PSA_ALG_SHA_256) == PSA_SUCCESS;
}
bool add(State& state, const uint8_t* bytes, size_t count) {
  return psa_hash_update(&state, bytes, count) == PSA_SUCCESS;
}
bool end(State& state, uint8_t sha256[32]) {
  size_t count = 0;
  return psa_hash_finish(&state, sha256, 32, &count) == PSA_SUCCESS && count == 32;
}
void release(State& state) { psa_hash_abort(&state); }

#else

using State = mbedtls_sha256_context;

#if MBEDTLS_VERSION_MAJOR < 3
bool start(State& state) {
  mbedtls_sha256_init(&state);
  return mbedtls_sha256_starts_ret(&state, 0) == 0;
}
bool add(State& state, const uint8_t* bytes, size_t count) {
  return mbedtls_sha256_update_ret(&state, bytes, count) == 0;
}
bool end(State& state, uint8_t sha256[32]) { return mbedtls_sha256_finish_ret(&state, sha256) == 0; }
#else
bool start(State& state) {
  mbedtls_sha256_init(&state);
  return mbedtls_sha256_starts(&state, 0) == 0;
}
bool add(State& state, const uint8_t* bytes, size_t count) { return mbedtls_sha256_update(&state, bytes, count) == 0; }
bool end(State& state, uint8_t sha256[32]) { return mbedtls_sha256_finish(&state, sha256) == 0; }
#endif
void release(State& state) { mbedtls_sha256_free(&state); }

#endif

static_assert(sizeof(State) <= kSha256StateBytes, "core/sha256.h keeps too little room for the state of mbedTLS");
static_assert(alignof(State) <= 8, "core/sha256.h aligns the state of mbedTLS too loosely");

State& stateIn(uint8_t* room) { return *reinterpret_cast<State*>(room); }

}  // namespace

Sha256::~Sha256() { free(); }

void Sha256::begin() {
  free();
  phase_ = Phase::running;
  if (start(stateIn(state_))) return;
  release(stateIn(state_));
  phase_ = Phase::failed;
}

void Sha256::update(const uint8_t* bytes, size_t count) {
  if (phase_ != Phase::running || count == 0) return;
  if (add(stateIn(state_), bytes, count)) return;
  free();
  phase_ = Phase::failed;
}

bool Sha256::finish(uint8_t sha256[32]) {
  const bool isDone = phase_ == Phase::running && end(stateIn(state_), sha256);
  if (!isDone) memset(sha256, 0, 32);
  free();
  return isDone;
}

void Sha256::free() {
  if (phase_ == Phase::running) release(stateIn(state_));
  phase_ = Phase::idle;
}

}  // namespace otter
