// SHA-256 against the examples of NIST, in pieces of every size.

#include "core/trust/sha256.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

using otter::Sha256;

namespace {

std::string hex(const uint8_t sha256[32]) {
  std::string text;
  for (size_t i = 0; i < 32; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", sha256[i]);
    text += digits;
  }
  return text;
}

const uint8_t* bytesOf(const std::string& text) { return reinterpret_cast<const uint8_t*>(text.data()); }

std::string hashInPieces(const std::string& text, size_t pieceBytes) {
  Sha256 hash;
  hash.begin();
  for (size_t i = 0; i < text.size(); i += pieceBytes) {
    hash.update(bytesOf(text) + i, std::min(pieceBytes, text.size() - i));
  }
  uint8_t sha256[32];
  CHECK(hash.finish(sha256));
  return hex(sha256);
}

const std::string kTwoBlocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
const std::string kTwoBlocksHash = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
const std::string kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string kAbcHash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

}  // namespace

TEST_CASE("the examples of FIPS 180-4 have their hashes") {
  CHECK(hashInPieces("", 1) == kEmptyHash);
  CHECK(hashInPieces("abc", 3) == kAbcHash);
  CHECK(hashInPieces(kTwoBlocks, 100) == kTwoBlocksHash);
  CHECK(hashInPieces("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
                     "mnopqrstnopqrstu",
                     200) == "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  CHECK(hashInPieces(std::string(1000000, 'a'), 4096) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("the size of the pieces makes no difference") {
  const std::string text = kTwoBlocks + std::string(300, 'x') + kTwoBlocks;
  const std::string whole = hashInPieces(text, text.size());
  for (size_t pieceBytes = 1; pieceBytes <= text.size(); ++pieceBytes) {
    CAPTURE(pieceBytes);
    CHECK(hashInPieces(text, pieceBytes) == whole);
  }
}

TEST_CASE("no bytes change nothing") {
  Sha256 hash;
  hash.begin();
  hash.update(nullptr, 0);
  hash.update(bytesOf("abc"), 3);
  hash.update(nullptr, 0);
  uint8_t sha256[32];
  REQUIRE(hash.finish(sha256));
  CHECK(hex(sha256) == kAbcHash);
}

TEST_CASE("a hash may be begun anew, and given up at any time") {
  Sha256 hash;
  uint8_t sha256[32];
  hash.begin();
  hash.update(bytesOf(kTwoBlocks), kTwoBlocks.size());
  hash.begin();
  hash.update(bytesOf("abc"), 3);
  REQUIRE(hash.finish(sha256));
  CHECK(hex(sha256) == kAbcHash);
  hash.begin();
  REQUIRE(hash.finish(sha256));
  CHECK(hex(sha256) == kEmptyHash);

  Sha256 neverBegun;
  Sha256 neverFinished;
  neverFinished.begin();
  neverFinished.update(bytesOf("abc"), 3);
}

TEST_CASE("two hashes at the same time do not mix") {
  Sha256 first;
  Sha256 second;
  first.begin();
  second.begin();
  for (const char& c : kTwoBlocks) {
    first.update(bytesOf(std::string(1, c)), 1);
    second.update(bytesOf("y"), 1);
  }
  uint8_t sha256[32];
  REQUIRE(first.finish(sha256));
  CHECK(hex(sha256) == kTwoBlocksHash);
}

TEST_CASE("there is no hash without a beginning") {
  Sha256 hash;
  uint8_t sha256[32] = {1};
  hash.update(bytesOf("abc"), 3);
  CHECK_FALSE(hash.finish(sha256));
  CHECK(hex(sha256) == std::string(64, '0'));
  hash.begin();
  CHECK(hash.finish(sha256));
  CHECK_FALSE(hash.finish(sha256));
}
