// Pins and certificates: the pin of a certificate, and which pin a certificate has.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../core/trust/pin.h"

struct mbedtls_x509_crt;

namespace otter {

/**
 * The `spki` pin of one certificate in PEM. False for anything else, two certificates too: which of them is meant
 * cannot be known. Takes heap only while it runs.
 */
bool pinOfCertificate(const char* pem, Pin& pin);

/** The pin of these that is of this certificate or of its public key; nullptr where none is. */
const Pin* pinOf(const mbedtls_x509_crt& certificate, const Pin* pins, size_t pinCount);

}  // namespace otter
