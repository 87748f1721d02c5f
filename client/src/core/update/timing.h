// How long the client waits for the network, and why so long. Times only; nothing here decides.

#pragma once

#include <stdint.h>

namespace otter {

/**
 * From the address to a TCP connection. SYN is sent again after 1, 3 and 7 seconds (lwIP: 3 and 9): 10 s is two lost
 * packets, more means that nobody is there.
 */
constexpr uint32_t kConnectTimeoutMs = 10000;

/**
 * The whole TLS handshake. A board needs 1 to 3 s for the arithmetic, a busy server some more; the 120 s of the stock
 * client would hold the board up for minutes at a server that accepts and says nothing.
 */
constexpr uint32_t kHandshakeTimeoutMs = 15000;

/** One read or write without a byte. Longer than Wi-Fi needs to roam or to ask for its address again. */
constexpr uint32_t kStallMs = 20000;

/** Longest sleep in a wait: the clock and the other tasks get their turn this often. */
constexpr uint32_t kNetworkTickMs = 20;

/** TLS takes about 50 KB at its peak; the rest is for the Wi-Fi driver, which fails badly without it. */
constexpr uint32_t kMinFreeHeapBytes = 60 * 1024;

/** The two record buffers of TLS take about 16.7 KB in one piece each. */
constexpr uint32_t kMinHeapBlockBytes = 20 * 1024;

/** From the first byte of a request to the last of its answer, where the answer is not an image. */
constexpr uint32_t kAnswerTimeoutMs = 30000;

/** A whole download, its breaks not counted: this long, and a second for every 2 KiB. */
constexpr uint32_t kDownloadBaseMs = 60000;
constexpr uint32_t kDownloadBytesPerS = 2048;

/** A download that breaks so often is given up until the server offers it again. */
constexpr uint32_t kMaxDownloadBreaks = 8;

}  // namespace otter
