// A text in a buffer of fixed size: what does not fit is left out, and never written.

#include "core/text_buffer.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

using otter::TextBuffer;

namespace {

template <typename Add>
std::string made(Add add) {
  char bytes[200];
  TextBuffer out(bytes, sizeof bytes);
  add(out);
  CHECK(out.isWhole());
  CHECK(out.size() == std::string(bytes).size());
  return bytes;
}

}  // namespace

TEST_CASE("numbers are written in full") {
  CHECK(made([](TextBuffer& out) { out.addNumber(0); }) == "0");
  CHECK(made([](TextBuffer& out) { out.addNumber(10); }) == "10");
  CHECK(made([](TextBuffer& out) { out.addNumber(UINT64_MAX); }) == "18446744073709551615");
  CHECK(made([](TextBuffer& out) { out.addSigned(-67); }) == "-67");
  CHECK(made([](TextBuffer& out) { out.addSigned(0); }) == "0");
  CHECK(made([](TextBuffer& out) { out.addSigned(INT64_MIN); }) == "-9223372036854775808");
  CHECK(made([](TextBuffer& out) { out.addSigned(INT64_MAX); }) == "9223372036854775807");
}

TEST_CASE("JSON strings are quoted, and control characters become blanks") {
  CHECK(made([](TextBuffer& out) { out.addJson(""); }) == "\"\"");
  CHECK(made([](TextBuffer& out) { out.addJson("a\"b\\c"); }) == "\"a\\\"b\\\\c\"");
  CHECK(made([](TextBuffer& out) {
          out.addJson(
              "a\nb\tc\x01"
              "d\x1f");
        }) == "\"a b c d \"");
  CHECK(made([](TextBuffer& out) { out.addJson("größe/"); }) == "\"größe/\"");
}

TEST_CASE("a text that fits to the last byte is whole, one byte more is not") {
  for (size_t capacity = 1; capacity <= 12; ++capacity) {
    CAPTURE(capacity);
    std::vector<char> bytes(capacity);  // exact room, so that ASan sees a byte too much
    TextBuffer out(bytes.data(), capacity);
    out.add("0123456789");
    CHECK(out.isWhole() == (capacity >= 11));
    CHECK(std::string(bytes.data()) == (capacity >= 11 ? "0123456789" : ""));
    CHECK(out.size() == (capacity >= 11 ? 10 : 0));
  }
}

TEST_CASE("every text ends in a NUL and stays in its room, whatever is added") {
  for (size_t capacity = 1; capacity < 60; ++capacity) {
    CAPTURE(capacity);
    std::vector<char> bytes(capacity);
    TextBuffer out(bytes.data(), capacity);
    out.add("{\"a\":").addJson("b\"c").add(",").addNumber(12345678901ULL).addSigned(-5).addJson("\n").add("}");
    CHECK(out.size() < capacity);
    CHECK(bytes[out.size()] == '\0');
    CHECK(out.isWhole() == (std::string(bytes.data()) == "{\"a\":\"b\\\"c\",12345678901-5\" \"}"));
  }
}
