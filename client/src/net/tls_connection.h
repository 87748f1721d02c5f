// One TLS connection to the pinned server: BSD sockets and mbedTLS, the same code on a board and on a computer. Speaks
// TLS 1.2, asks no certificate authority and no clock: the pin is the identity. Never sends a byte of a request, and
// never sets keys up, with a server whose certificate is not pinned, unless it goes on with a session of one that was
// (`kept_session.h`).

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../core/trust/pin.h"
#include "../hal/hal.h"

struct addrinfo;
struct mbedtls_x509_crt;

namespace otter {

class TlsConnection final : public Connection {
 public:
  static constexpr uint8_t kMaxPins = 3;

  explicit TlsConnection(System& system) : system_(system) {}
  ~TlsConnection() { close(); }
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  /** False where `kMaxPins` are there already. A pin that is there already is not added again. */
  bool addPin(const Pin& pin);
  /** Starts the crypto library. False where that fails, and without a pin: `open` would refuse every server. */
  bool begin();

  /**
   * Resolves the name (no limit of its own: lwIP and the system give up by themselves), tries its addresses for
   * `kConnectTimeoutMs` in all, and shakes hands within `kHandshakeTimeoutMs`. `host` is a name, an IPv4 address or an
   * IPv6 address, in brackets or without. Heap is taken only from here to `close`.
   *
   * `no_network`, `low_memory`, `dns`, `connect`; `pin_mismatch` where the server shows another certificate or none;
   * `tls` for every other failure of the handshake, its time limit too. After any of these the next handshake is a whole
   * one.
   */
  Error open(const char* host, uint16_t port) override;
  /** Gives up with `stalled` when the server has taken nothing for `kStallMs`. Closed after a failure. */
  Error write(const char* bytes, size_t count) override;
  /**
   * `stalled` after `kStallMs` without a byte of the stream, whatever else the server sends. Closed after a failure and
   * after the end of the stream; reading a closed connection is `connection_lost`.
   */
  Error read(uint8_t* bytes, size_t capacity, size_t& received) override;
  void close() override;
  bool isOpen() override { return session_ != nullptr; }
  void configurePins(const Pin* pins, size_t count) override;
  const char* detail() override { return detail_; }

 private:
  struct Session;

  Error connect(const char* host, uint16_t port);
  Error connectTo(const addrinfo& address, uint64_t deadlineMs);
  Error shakeHands(const char* host, uint16_t port);
  Error failed(int result);
  bool hasHeap();
  const Pin* trustedPin(const mbedtls_x509_crt& certificate) const;
  bool trusts(const Pin& pin) const;
  void freeSession();
  void closeSocket();

  System& system_;
  Session* session_ = nullptr;
  int socket_ = -1;
  const char* detail_ = "";
  uint8_t pinCount_ = 0;
  size_t configuredCount_ = 0;
  Pin pins_[kMaxPins] = {};
  /** Beside those of the sketch, never in their place. */
  const Pin* configured_ = nullptr;
};

}  // namespace otter
