#include "certificate_pin.h"

#include <mbedtls/x509_crt.h>
#include <string.h>

#include "../core/trust/sha256.h"
#include "crypto_library.h"

namespace otter {

namespace {

bool hashOf(const mbedtls_x509_buf& der, uint8_t sha256[32]) {
  Sha256 hash;
  hash.begin();
  hash.update(der.p, der.len);
  return hash.finish(sha256);
}

}  // namespace

bool pinOfCertificate(const char* pem, Pin& pin) {
  if (pem == nullptr || !startCryptoLibrary()) return false;
  mbedtls_x509_crt certificate;
  mbedtls_x509_crt_init(&certificate);
  Pin parsed = {Pin::Kind::spki, {}};
  // The length with the NUL is how mbedTLS knows PEM from DER.
  const bool isValid =
      mbedtls_x509_crt_parse(&certificate, reinterpret_cast<const unsigned char*>(pem), strlen(pem) + 1) == 0 &&
      certificate.next == nullptr && hashOf(certificate.pk_raw, parsed.sha256);
  mbedtls_x509_crt_free(&certificate);
  if (isValid) pin = parsed;
  return isValid;
}

const Pin* pinOf(const mbedtls_x509_crt& certificate, const Pin* pins, size_t pinCount) {
  uint8_t ofKey[32];
  uint8_t ofCertificate[32];
  if (!hashOf(certificate.pk_raw, ofKey) || !hashOf(certificate.raw, ofCertificate)) return nullptr;
  for (size_t i = 0; i < pinCount; ++i) {
    const uint8_t* shown = pins[i].kind == Pin::Kind::spki ? ofKey : ofCertificate;
    if (memcmp(pins[i].sha256, shown, 32) == 0) return &pins[i];
  }
  return nullptr;
}

}  // namespace otter
