#include "tls_connection.h"

#include <errno.h>
#include <fcntl.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#if defined(ESP32)
#include <lwip/netdb.h>
#include <lwip/sockets.h>
#else
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#endif

#include "../core/update/timing.h"
#include "certificate_pin.h"
#include "crypto_library.h"
#include "kept_session.h"

#if !defined(OTTER_PSA_ONLY)
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#endif
#if MBEDTLS_VERSION_MAJOR < 4
#include <mbedtls/asn1.h>
#include <mbedtls/bignum.h>
#include <mbedtls/cipher.h>
#include <mbedtls/ecp.h>
#include <mbedtls/md.h>
#include <mbedtls/pk.h>
#endif

namespace otter {

namespace {

/** A name of the DNS has at most 253 characters. */
constexpr size_t kMaxHostChars = 253;

/** What our socket functions tell mbedTLS; it hands the number through. */
constexpr int kSocketFailed = -0x0050;  // MBEDTLS_ERR_NET_CONN_RESET

bool mayTryAgain() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/** Sleeps until the socket can go on, but not longer than a tick. True where it can. */
bool waitForSocket(int socket, bool isToWrite) {
  fd_set sockets;
  FD_ZERO(&sockets);
  FD_SET(socket, &sockets);
  timeval tick = {};
  tick.tv_usec = kNetworkTickMs * 1000;
  return ::select(socket + 1, isToWrite ? nullptr : &sockets, isToWrite ? &sockets : nullptr, nullptr, &tick) > 0;
}

/** `::1`, and `192.168.1.10`: no top-level domain consists of digits. */
bool isAddress(const char* host) { return strchr(host, ':') != nullptr || host[strspn(host, "0123456789.")] == '\0'; }

/** The host without the brackets of `[::1]`. False for no host, and for one that is too long. */
bool readHost(const char* host, char name[kMaxHostChars + 1]) {
  size_t length = strlen(host);
  if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
    ++host;
    length -= 2;
  }
  if (length == 0 || length > kMaxHostChars) return false;
  memcpy(name, host, length);
  name[length] = '\0';
  return true;
}

/** Two mistakes that look alike otherwise: a server that is off, and an address where there is none. */
const char* whyNot(int error) {
  switch (error) {
    case ECONNREFUSED:
      return "the machine is there, but nothing listens at this port";
    case ENETUNREACH:
    case EHOSTUNREACH:
      return "there is no way to this address";
    case EINPROGRESS:
      return "nobody answers at this address";
    default:
      return "";
  }
}

const char* whyNoTls(int result) {
  switch (result) {
    case MBEDTLS_ERR_SSL_INVALID_RECORD:
    case MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE:
      return "what answers there does not speak TLS";
    case MBEDTLS_ERR_SSL_CONN_EOF:
    case kSocketFailed:
      return "the server hung up";
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
      return "the server does not want TLS 1.2";
    default:
      return "";
  }
}

/** Errors of mbedTLS up to 3.x are a high-level and a low-level number in one: -(0x1000 * a + 0x80 * b) - low. */
bool isOutOfMemory(int result) {
  if (result == MBEDTLS_ERR_SSL_ALLOC_FAILED || result == MBEDTLS_ERR_X509_ALLOC_FAILED) return true;
#if MBEDTLS_VERSION_MAJOR < 4
  const int low = -(-result & 0x7F);
  if (low == MBEDTLS_ERR_MPI_ALLOC_FAILED || low == MBEDTLS_ERR_ASN1_ALLOC_FAILED) return true;
  const int high = -(-result & 0xFF80);
  return high == MBEDTLS_ERR_SSL_ALLOC_FAILED || high == MBEDTLS_ERR_X509_ALLOC_FAILED ||
         high == MBEDTLS_ERR_PK_ALLOC_FAILED || high == MBEDTLS_ERR_ECP_ALLOC_FAILED ||
         high == MBEDTLS_ERR_MD_ALLOC_FAILED || high == MBEDTLS_ERR_CIPHER_ALLOC_FAILED;
#else
  return result == PSA_ERROR_INSUFFICIENT_MEMORY;
#endif
}

}  // namespace

/** Everything of mbedTLS, one piece of heap that lives as long as the connection. Made by calloc: no constructors. */
struct TlsConnection::Session {
  TlsConnection* connection;
  /** The socket functions give up at this time. */
  uint64_t deadlineMs;
  /** Of `pins_`: that of the certificate which the server showed. */
  const Pin* shown;
  bool isRefused;
  bool isEstablished;
  mbedtls_ssl_context ssl;
  mbedtls_ssl_config config;
  KeptSession kept;
#if !defined(OTTER_PSA_ONLY)
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
#endif

  bool isLate() const { return connection->system_.nowMs() >= deadlineMs; }
  int start(const char* host);

  static int onCertificate(void* context, mbedtls_x509_crt* certificate, int depth, uint32_t* flags);
  static int onReceive(void* context, unsigned char* bytes, size_t capacity);
  static int onSend(void* context, const unsigned char* bytes, size_t count);
};

bool TlsConnection::addPin(const Pin& pin) {
  if (hasPin(pins_, pinCount_, pin)) return true;
  if (pinCount_ == kMaxPins) return false;
  pins_[pinCount_++] = pin;
  return true;
}

void TlsConnection::configurePins(const Pin* pins, size_t count) {
  configured_ = pins;
  configuredCount_ = count;
}

/** The pin of this certificate that the sketch or a configuration names; nullptr where it is not trusted. */
const Pin* TlsConnection::trustedPin(const mbedtls_x509_crt& certificate) const {
  const Pin* pin = pinOf(certificate, pins_, pinCount_);
  return pin != nullptr ? pin : pinOf(certificate, configured_, configuredCount_);
}

bool TlsConnection::trusts(const Pin& pin) const {
  return hasPin(pins_, pinCount_, pin) || hasPin(configured_, configuredCount_, pin);
}

bool TlsConnection::begin() { return startCryptoLibrary() && pinCount_ > 0; }

Error TlsConnection::open(const char* host, uint16_t port) {
  close();
  detail_ = "";
  if (!system_.isNetworkUp()) return Error::no_network;
  if (!hasHeap()) return Error::low_memory;
  char name[kMaxHostChars + 1];
  if (!readHost(host, name)) return Error::dns;

  Error error = connect(name, port);
  if (error == Error::ok) error = shakeHands(name, port);
  if (error != Error::ok) close();
  return error;
}

Error TlsConnection::write(const char* bytes, size_t count) {
  if (!isOpen()) return Error::connection_lost;
  size_t sent = 0;
  while (sent < count) {
    session_->deadlineMs = system_.nowMs() + kStallMs;
    const int result =
        mbedtls_ssl_write(&session_->ssl, reinterpret_cast<const unsigned char*>(bytes) + sent, count - sent);
    if (result <= 0) return failed(result);
    sent += static_cast<size_t>(result);
  }
  return Error::ok;
}

Error TlsConnection::read(uint8_t* bytes, size_t capacity, size_t& received) {
  received = 0;
  if (!isOpen()) return Error::connection_lost;
  if (capacity == 0) return Error::ok;
  session_->deadlineMs = system_.nowMs() + kStallMs;
  const int result = mbedtls_ssl_read(&session_->ssl, bytes, capacity);
  if (result > 0) {
    session_->kept.keep();
    received = static_cast<size_t>(result);
    return Error::ok;
  }
  // The end of TCP without the farewell of TLS is an end as well; who wants to know whether all of it came counts
  // bytes.
  if (result == 0 || result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY || result == MBEDTLS_ERR_SSL_CONN_EOF) {
    close();
    return Error::ok;
  }
  return failed(result);
}

void TlsConnection::close() {
  if (session_ != nullptr && session_->isEstablished) {
    session_->deadlineMs = 0;  // one attempt; nobody waits for a farewell
    mbedtls_ssl_close_notify(&session_->ssl);
  }
  freeSession();
  closeSocket();
}

/** Closes an open connection after an error of mbedTLS. */
Error TlsConnection::failed(int result) {
  close();
  return result == MBEDTLS_ERR_SSL_TIMEOUT ? Error::stalled : Error::connection_lost;
}

bool TlsConnection::hasHeap() {
  return system_.freeHeapBytes() >= kMinFreeHeapBytes && system_.largestHeapBlockBytes() >= kMinHeapBlockBytes;
}

// ---- TCP

Error TlsConnection::connect(const char* host, uint16_t port) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = isAddress(host) ? AI_NUMERICHOST : 0;
  char service[6];
  snprintf(service, sizeof service, "%u", static_cast<unsigned>(port));
  addrinfo* addresses = nullptr;
  const int result = ::getaddrinfo(host, service, &hints, &addresses);
  if (result != 0 || addresses == nullptr) return result == EAI_MEMORY ? Error::low_memory : Error::dns;

  const uint64_t endMs = system_.nowMs() + kConnectTimeoutMs;
  Error error = Error::connect;
  for (const addrinfo* address = addresses; address != nullptr && error != Error::ok; address = address->ai_next) {
    // An address that swallows packets leaves half of the time to those after it.
    const uint64_t nowMs = system_.nowMs();
    const uint64_t leftMs = endMs > nowMs ? endMs - nowMs : 0;
    error = connectTo(*address, nowMs + (address->ai_next != nullptr ? leftMs / 2 : leftMs));
  }
  ::freeaddrinfo(addresses);
  return error;
}

/** Leaves `socket_` connected, or closed. */
Error TlsConnection::connectTo(const addrinfo& address, uint64_t deadlineMs) {
  socket_ = ::socket(address.ai_family, address.ai_socktype, address.ai_protocol);
  if (socket_ < 0) return Error::connect;
  int error = 0;
  if (socket_ >= FD_SETSIZE || ::fcntl(socket_, F_SETFL, ::fcntl(socket_, F_GETFL, 0) | O_NONBLOCK) < 0) {
    error = ENFILE;
  } else if (::connect(socket_, address.ai_addr, address.ai_addrlen) < 0) {
    error = errno;
  }
  while (error == EINPROGRESS && system_.nowMs() < deadlineMs) {
    if (!waitForSocket(socket_, true)) continue;
    socklen_t errorBytes = sizeof error;
    if (::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &errorBytes) < 0) error = errno;
  }
  if (error != 0) {
    closeSocket();
    detail_ = whyNot(error);
    return Error::connect;
  }
  // A request goes out in two writes; the second must not wait for the server's answer to the first.
  int isOn = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &isOn, sizeof isOn);
  return Error::ok;
}

void TlsConnection::closeSocket() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

// ---- TLS

Error TlsConnection::shakeHands(const char* host, uint16_t port) {
  session_ = static_cast<Session*>(calloc(1, sizeof(Session)));
  if (session_ == nullptr) return Error::low_memory;
  session_->connection = this;
  session_->deadlineMs = system_.nowMs() + kHandshakeTimeoutMs;
  int result = session_->start(host);
  if (result == 0) {
    const Pin* pin = session_->kept.take(system_.sleepMemory(), host, port);
    if (pin != nullptr && trusts(*pin)) session_->kept.offer(session_->ssl);
  }
  if (result == 0) result = mbedtls_ssl_handshake(&session_->ssl);
  if (session_->isRefused) return Error::pin_mismatch;
  if (result != 0) {
    if (session_->isLate()) {
      detail_ = "nothing came for too long";
    } else {
      detail_ = session_->kept.isOffered ? "the session from before did not go on; the next try is without it"
                                         : whyNoTls(result);
    }
    return isOutOfMemory(result) ? Error::low_memory : Error::tls;
  }
  // A handshake that showed no certificate, and went on with no session of ours, has proven nothing.
  if (!session_->kept.isProven(session_->ssl, session_->shown))
    return session_->kept.isOffered ? Error::tls : Error::pin_mismatch;
  session_->isEstablished = true;
  return Error::ok;
}

/** Sets everything up; 0, or an error of mbedTLS. `freeSession` is right after success and after failure. */
int TlsConnection::Session::start(const char* host) {
  mbedtls_ssl_init(&ssl);
  mbedtls_ssl_config_init(&config);
#if !defined(OTTER_PSA_ONLY)
  mbedtls_entropy_init(&entropy);
  mbedtls_ctr_drbg_init(&random);
#endif
  if (!startCryptoLibrary()) return MBEDTLS_ERR_SSL_INTERNAL_ERROR;

  int result = 0;
#if !defined(OTTER_PSA_ONLY)
  result = mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, nullptr, 0);
  if (result != 0) return result;
#endif
  result = mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                       MBEDTLS_SSL_PRESET_DEFAULT);
  if (result != 0) return result;
#if !defined(OTTER_PSA_ONLY)
  mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
#endif
  // Exactly 1.2: 1.0 and 1.1 are broken, and clients of 1.3 in mbedTLS 3 ask for an authority whatever `OPTIONAL` says.
#if MBEDTLS_VERSION_MAJOR >= 3
  mbedtls_ssl_conf_min_tls_version(&config, MBEDTLS_SSL_VERSION_TLS1_2);
  mbedtls_ssl_conf_max_tls_version(&config, MBEDTLS_SSL_VERSION_TLS1_2);
#else
  mbedtls_ssl_conf_min_version(&config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
  mbedtls_ssl_conf_max_version(&config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#endif
  // `OPTIONAL` calls `onCertificate` and then takes its word; `REQUIRED` would ask for a certificate authority.
  mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_OPTIONAL);
  mbedtls_ssl_conf_verify(&config, onCertificate, this);
#if defined(OTTER_KEEPS_SESSION)
  mbedtls_ssl_conf_session_tickets(&config, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
#elif defined(MBEDTLS_SSL_SESSION_TICKETS)
  mbedtls_ssl_conf_session_tickets(&config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
#endif
  result = mbedtls_ssl_setup(&ssl, &config);
  if (result != 0) return result;
  // Only names go into the hello (RFC 6066 section 3); what name the certificate has does not matter, the pin does.
  result = mbedtls_ssl_set_hostname(&ssl, isAddress(host) ? nullptr : host);
  mbedtls_ssl_set_bio(&ssl, this, onSend, onReceive, nullptr);
  return result;
}

void TlsConnection::freeSession() {
  if (session_ == nullptr) return;
  session_->kept.free();
  mbedtls_ssl_free(&session_->ssl);
  mbedtls_ssl_config_free(&session_->config);
#if !defined(OTTER_PSA_ONLY)
  mbedtls_ctr_drbg_free(&session_->random);
  mbedtls_entropy_free(&session_->entropy);
#endif
  free(session_);
  session_ = nullptr;
}

/** mbedTLS asks for each certificate of the chain, that of the server last. Only the server's own can be pinned. */
int TlsConnection::Session::onCertificate(void* context, mbedtls_x509_crt* certificate, int depth, uint32_t* flags) {
  Session& session = *static_cast<Session*>(context);
  *flags = 0;
  if (depth != 0) return 0;
  session.shown = session.connection->trustedPin(*certificate);
  session.isRefused = session.shown == nullptr;
  return session.shown != nullptr ? 0 : MBEDTLS_ERR_X509_FATAL_ERROR;
}

/** Blocks, as far as mbedTLS can see, until bytes are there or the deadline has passed. */
int TlsConnection::Session::onReceive(void* context, unsigned char* bytes, size_t capacity) {
  const Session& session = *static_cast<Session*>(context);
  const int socket = session.connection->socket_;
  // Asked before the socket: a peer that never stops sending nonsense must not hold the board for ever.
  while (!session.isLate()) {
    const ssize_t count = ::recv(socket, bytes, capacity, 0);
    if (count >= 0) return static_cast<int>(count);
    if (!mayTryAgain()) return kSocketFailed;
    waitForSocket(socket, false);
  }
  return MBEDTLS_ERR_SSL_TIMEOUT;
}

int TlsConnection::Session::onSend(void* context, const unsigned char* bytes, size_t count) {
  const Session& session = *static_cast<Session*>(context);
  const int socket = session.connection->socket_;
  do {
    const ssize_t sent = ::send(socket, bytes, count, MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<int>(sent);
    if (!mayTryAgain()) return kSocketFailed;
    waitForSocket(socket, true);
  } while (!session.isLate());
  return MBEDTLS_ERR_SSL_TIMEOUT;
}

}  // namespace otter
