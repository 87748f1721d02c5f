// A connection to a server that is a list of texts: each `open` gives the next one, in pieces. It keeps what the client
// sent, and fails the test where a closed connection is used.

#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "hal/hal.h"
#include "test_system.h"

namespace otter_test {

class MemoryConnection final : public otter::Connection {
 public:
  /** What the server says on one connection, and how that ends: with the end of the stream, or with an error. */
  struct Talk {
    std::string bytes;
    otter::Error end = otter::Error::ok;
  };

  MemoryConnection(TestSystem& system, std::vector<Talk> talks) : system_(system), talks_(std::move(talks)) {}

  size_t pieceBytes = SIZE_MAX;
  uint32_t msPerRead = 0;
  otter::Error openError = otter::Error::ok;
  otter::Error writeError = otter::Error::ok;
  /** Everything that the client sent, one text for each connection. */
  std::vector<std::string> sent;
  size_t opens = 0;
  size_t reads = 0;
  bool hasReadWithoutRoom = false;

  /** One more answer on the connection that is open: what the server says to the next request. */
  void append(const std::string& bytes) { talks_.at(opens - 1).bytes += bytes; }

  otter::Error open(const char*, uint16_t) override {
    CHECK_FALSE(isOpen_);
    if (openError != otter::Error::ok) return openError;
    REQUIRE(opens < talks_.size());
    ++opens;
    at_ = 0;
    isOpen_ = true;
    sent.emplace_back();
    return otter::Error::ok;
  }

  otter::Error write(const char* bytes, size_t count) override {
    CHECK(isOpen_);
    if (writeError != otter::Error::ok) return std::exchange(writeError, otter::Error::ok);
    sent.back().append(bytes, count);
    return otter::Error::ok;
  }

  otter::Error read(uint8_t* bytes, size_t capacity, size_t& received) override {
    CHECK(isOpen_);
    ++reads;
    system_.timeMs += msPerRead;
    if (capacity == 0) hasReadWithoutRoom = true;
    const Talk& talk = talks_.at(opens - 1);
    received = std::min({capacity, pieceBytes, talk.bytes.size() - at_});
    std::memcpy(bytes, talk.bytes.data() + at_, received);
    at_ += received;
    return received == 0 && capacity > 0 ? talk.end : otter::Error::ok;
  }

  void close() override { isOpen_ = false; }
  bool isOpen() override { return isOpen_; }

 private:
  TestSystem& system_;
  std::vector<Talk> talks_;
  size_t at_ = 0;
  bool isOpen_ = false;
};

}  // namespace otter_test
