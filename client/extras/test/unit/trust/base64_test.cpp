// Base64 has one spelling for each sequence of bytes, and every other text is refused.

#include "core/trust/base64.h"

#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

using otter::decodeBase64;

namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The other direction, bit by bit, from RFC 4648 section 4. */
std::string encode(const std::string& bytes) {
  std::string bits;
  for (const char byte : bytes) {
    for (int bit = 7; bit >= 0; --bit) bits += ((static_cast<unsigned char>(byte) >> bit) & 1) != 0 ? '1' : '0';
  }
  while (bits.size() % 6 != 0) bits += '0';
  std::string text;
  for (size_t i = 0; i < bits.size(); i += 6) text += kAlphabet[std::stoul(bits.substr(i, 6), nullptr, 2)];
  while (text.size() % 4 != 0) text += '=';
  return text;
}

bool decode(const std::string& text, std::string& bytes) {
  std::vector<uint8_t> room(text.size());  // exact room, so that ASan sees a byte too much
  size_t count = 99;
  const bool isValid = decodeBase64(text.data(), text.size(), room.data(), text.size() / 4 * 3, count);
  if (!isValid) CHECK(count == 0);
  bytes.assign(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(count));
  return isValid;
}

}  // namespace

TEST_CASE("what is written for addresses has their alphabet and no padding, and says the same bytes") {
  std::mt19937 random(20261130);
  for (size_t length = 0; length <= 64; ++length) {
    std::string bytes(length, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    std::vector<char> text((length * 8 + 5) / 6 + 1);
    otter::encodeBase64Url(reinterpret_cast<const uint8_t*>(bytes.data()), length, text.data());
    std::string expected = encode(bytes);
    for (char& digit : expected) digit = digit == '+' ? '-' : (digit == '/' ? '_' : digit);
    CHECK(std::string(text.data()) == expected.substr(0, expected.find('=')));
  }
}

TEST_CASE("the examples of RFC 4648 section 10 are decoded") {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", ""},
      {"Zg==", "f"},
      {"Zm8=", "fo"},
      {"Zm9v", "foo"},
      {"Zm9vYg==", "foob"},
      {"Zm9vYmE=", "fooba"},
      {"Zm9vYmFy", "foobar"},
  };
  for (const auto& [text, expected] : rows) {
    CAPTURE(text);
    std::string bytes;
    CHECK(decode(text, bytes));
    CHECK(bytes == expected);
  }
}

TEST_CASE("any bytes come back from their base64") {
  std::mt19937 random(1);
  for (size_t size = 0; size <= 200; ++size) {
    std::string bytes;
    for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(random());
    std::string decoded;
    CAPTURE(size);
    CHECK(decode(encode(bytes), decoded));
    CHECK(decoded == bytes);
  }
}

TEST_CASE("of the 65536 pairs of characters before padding, those are valid that are the one spelling of a byte") {
  size_t valid = 0;
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second), '=', '='};
      std::string bytes;
      if (!decode(text, bytes)) continue;
      ++valid;
      if (encode(bytes) != text) FAIL("a second spelling: " << text);
    }
  }
  CHECK(valid == 256);
}

TEST_CASE("malformed base64 is refused") {
  for (const std::string text : {"Z",    "Zg",   "Zg=",      "Zm9",      "=",        "==",   "====",   "Z===",
                                 "Zh==", "Zm9=", "Zg==Zg==", "Zm8=Zm9v", "Zm9v====", "Zm 9", "Zm9v\n", "Zm9v\nZg=",
                                 "Zm9-", "Zm9_", "Zm9vZh==", "Zm9v Zg=", "=Zm9",     "Z=9v", "Zm=v",   "Zm9."}) {
    CAPTURE(text);
    std::string bytes;
    CHECK_FALSE(decode(text, bytes));
  }
}

TEST_CASE("base64 never writes more than the room that it is given") {
  const std::string text = "Zm9vYmFy";
  for (size_t capacity = 0; capacity < 8; ++capacity) {
    CAPTURE(capacity);
    uint8_t room[8];
    std::memset(room, 0xEE, sizeof room);
    size_t count = 0;
    CHECK(decodeBase64(text.data(), text.size(), room, capacity, count) == (capacity >= 6));
    CHECK(count == (capacity >= 6 ? 6 : 0));
    for (size_t i = capacity; i < sizeof room; ++i) CHECK(room[i] == 0xEE);
  }
}
