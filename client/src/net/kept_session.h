// The TLS session that a board keeps, so that its next connection goes on with it (RFC 5077): no certificate, no
// signature, one round trip less. It lies in the memory that a deep sleep leaves as it is, never in flash, and carries
// the pin under which it was made: once that pin is not trusted any more, it is nothing. It is taken out before it is
// used and put back when the server has said something, so a session that does not work is never tried twice.

#pragma once

#include <mbedtls/ssl.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/trust/pin.h"
#include "crypto_library.h"

// mbedTLS 4 does not let us see whether a session went on; no core has it yet.
#if MBEDTLS_VERSION_MAJOR < 4 && defined(MBEDTLS_SSL_SESSION_TICKETS) && defined(MBEDTLS_SSL_CLI_C)
#define OTTER_KEEPS_SESSION 1
#endif

namespace otter {

/** The session of one connection. Made by calloc, without a constructor; `free` is right at any time. */
struct KeptSession {
  /**
   * Takes what `memory` (`kSleepMemoryBytes`, or nullptr) holds out of it. The pin under which it was made, nullptr where
   * there is no session with this server.
   */
  const Pin* take(void* memory, const char* host, uint16_t port);
  /** The handshake may go on with what was taken. To be called only where the board still trusts its pin. */
  void offer(mbedtls_ssl_context& ssl);
  /**
   * After the handshake, once. `shown`: the pin of the certificate that the server showed, nullptr where it showed none.
   * True where it is proven who the server is: by that pin, or because it went on with the session that was offered, for
   * which it must have its keys.
   */
  bool isProven(const mbedtls_ssl_context& ssl, const Pin* shown);
  /** The server has spoken: what `isProven` found is kept for the next connection. Does nothing the second time. */
  void keep();
  void free();

  bool isOffered;

 private:
#if defined(OTTER_KEEPS_SESSION)
  void* memory_;
  /** SHA-256 of host and port. */
  uint8_t server_[32];
  bool isWorthKeeping_;
  /** Connections in a row without a certificate, this one with them. */
  uint8_t resumedCount_;
  Pin pin_;
  /** First what is offered, then what the next connection may go on with. */
  mbedtls_ssl_session session_;
#endif
};

}  // namespace otter
