// Generated from protocol/device/errors.ts and protocol/limits.ts of the Otter repository; a test compares it.

#pragma once

#include <stddef.h>
#include <stdint.h>

/** X(number, name, text, retryable, fault) */
#define OTTER_ERROR_TABLE(X) \
  X(10, no_network, "the network is down", true, network) \
  X(11, dns, "the server name could not be resolved", true, network) \
  X(12, connect, "no TCP connection to the server", true, network) \
  X(13, tls, "the TLS handshake failed", true, network) \
  X(14, pin_mismatch, "the server showed a certificate that is not pinned", true, network) \
  X(15, timeout, "the total deadline passed", true, network) \
  X(16, stalled, "no data arrived for too long", true, network) \
  X(17, connection_lost, "the connection broke", true, network) \
  X(20, http_status, "the server answered with an unexpected status", true, server) \
  X(21, http_protocol, "the answer is not valid HTTP", true, server) \
  X(22, too_large, "the answer is larger than allowed", true, server) \
  X(23, range_ignored, "the server sent the whole image for a part", true, server) \
  X(24, range_invalid, "the server sent another part than asked for", true, server) \
  X(25, auth, "the server refused the token", true, server) \
  X(26, redirect_refused, "the server redirected; redirects are never followed", true, server) \
  X(27, length, "the answer has another length than the manifest says, or none", true, server) \
  X(30, json, "the answer is not valid JSON", true, server) \
  X(31, manifest_syntax, "the manifest is malformed", false, server) \
  X(32, version_invalid, "the offered version is not SemVer", false, server) \
  X(33, downgrade, "the offered version is lower and not marked as rollback", false, server) \
  X(34, label, "the offer is for other labels", false, server) \
  X(35, chip, "the image is for another chip", false, server) \
  X(36, size, "the image does not fit the OTA slot", false, server) \
  X(37, known_bad, "this build failed here before", false, firmware) \
  X(38, product, "the image is for another product", false, server) \
  X(39, security_version, "the security version is below the floor of the board or jumps too far", false, server) \
  X(40, no_ota_slot, "the partition table has no second OTA slot", false, device) \
  X(41, busy, "another update is running on the board", true, device) \
  X(42, flash_erase, "erasing flash failed", true, device) \
  X(43, flash_write, "writing flash failed", true, device) \
  X(44, flash_read, "reading flash failed", true, device) \
  X(45, hash, "the downloaded bytes have another SHA-256", true, network) \
  X(46, flash_hash, "the bytes read back from flash have another SHA-256", true, firmware) \
  X(47, image, "the bytes are not an application image for this chip", false, firmware) \
  X(48, activate, "the bootloader library refused the image", false, firmware) \
  X(50, low_memory, "not enough heap for TLS", true, device) \
  X(51, nvs, "the journal could not be written", true, device) \
  X(52, deferred, "the application asked to wait", true, device) \
  X(53, low_power, "the battery is too low", true, device) \
  X(54, settings, "a setting of the sketch is wrong", false, device) \
  X(60, self_test, "the health check of the application failed", false, firmware) \
  X(61, trial_timeout, "not confirmed in time: the build did not reach the server", true, firmware) \
  X(62, crash, "the build crashed on trial", false, firmware) \
  X(63, watchdog, "the build hung on trial", false, firmware) \
  X(64, power, "power was lost on trial", true, device) \
  X(65, brownout, "the supply voltage dropped on trial", true, device) \
  X(66, boot_rejected, "the bootloader did not accept the image", false, firmware) \
  X(67, rollback_impossible, "the bootloader cannot roll back", false, device) \
  X(70, signature, "no release key of the board signed the manifest", false, server) \
  X(71, expired, "the manifest has expired or comes from the future", false, server) \
  X(72, configuration, "the configuration is malformed", false, server) \
  X(73, sequence, "the configuration is older than one that the board took", false, server)

namespace otter {

constexpr const char* kManifestFormat = "otter-manifest/1";
constexpr uint32_t kMaxImageBytes = 4089446;
constexpr uint32_t kMinImageBytes = 288;
constexpr size_t kMaxNameChars = 32;
constexpr size_t kMaxVersionChars = 31;
constexpr size_t kMaxLabelHints = 8;
constexpr size_t kMaxErrorBytes = 1024;
constexpr size_t kMaxOfferBytes = 4096;
constexpr uint32_t kMinPollIntervalS = 30;
constexpr uint32_t kMaxPollIntervalS = 86400;
constexpr uint8_t kKnownBadFailures = 3;
constexpr uint32_t kMinTransferBytesPerS = 512;
constexpr uint32_t kTransferGraceMs = 60000;
constexpr uint32_t kMaxSecurityVersionStep = 1000;

}  // namespace otter
