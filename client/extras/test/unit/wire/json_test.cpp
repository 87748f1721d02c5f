// The reader of JSON: RFC 8259 to the letter, what it refuses beyond that, and what it hands out.

#include "core/wire/json.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cstring>
#include <string>
#include <vector>

using otter::Json;

namespace {

bool parses(const std::string& text) {
  // Exact room, so that ASan sees a byte too much.
  const std::vector<char> bytes(text.begin(), text.end());
  Json root;
  return Json::parse(bytes.data(), bytes.size(), root);
}

Json parsed(const std::string& text) {
  Json root;
  REQUIRE_MESSAGE(Json::parse(text.data(), text.size(), root), text);
  return root;
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("JSON is accepted") {
  for (const std::string text : {"{}",
                                 "[]",
                                 "\"\"",
                                 "0",
                                 "-0",
                                 "1",
                                 "-1",
                                 "10",
                                 "1.5",
                                 "-0.5",
                                 "1e5",
                                 "1E+5",
                                 "1e-5",
                                 "0e0",
                                 "1.25e2",
                                 "true",
                                 "false",
                                 "null",
                                 " \t\r\n0\n",
                                 "[1,2]",
                                 "[ 1 , 2 ]",
                                 "[[],{}]",
                                 "{\"a\":1}",
                                 "{ \"a\" : { \"b\" : [ ] } }",
                                 "{\"\":0}",
                                 "{\"a\":1,\"b\":1}",
                                 "[{\"a\":1},{\"a\":1}]",
                                 "{\"a\":{\"a\":{\"a\":1}}}",
                                 "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"",
                                 "\"\\u0000\"",
                                 "\"\\uD83E\\uDDA6\"",
                                 "\"\x7f\"",
                                 "\"ü€🦦\"",
                                 "\"\xc2\x80\"",
                                 "\"\xdf\xbf\"",
                                 "\"\xe0\xa0\x80\"",
                                 "\"\xed\x9f\xbf\"",
                                 "\"\xee\x80\x80\"",
                                 "\"\xf0\x90\x80\x80\"",
                                 "\"\xf4\x8f\xbf\xbf\"",
                                 "123456789012345678901234567890"}) {
    CAPTURE(text);
    CHECK(parses(text));
  }
}

TEST_CASE("what is not JSON is refused") {
  for (const std::string text : {"",
                                 " ",
                                 "{",
                                 "}",
                                 "[",
                                 "]",
                                 "[1",
                                 "[1,",
                                 "[1,]",
                                 "[,1]",
                                 "[1 2]",
                                 "{,}",
                                 "{\"a\"}",
                                 "{\"a\":}",
                                 "{\"a\":1,}",
                                 "{\"a\" 1}",
                                 "{a:1}",
                                 "{1:1}",
                                 "{\"a\":1 \"b\":2}",
                                 "[1}",
                                 "{\"a\":1]",
                                 "{}{}",
                                 "{} x",
                                 "1 2",
                                 "tru",
                                 "True",
                                 "truee",
                                 "nul",
                                 "nan",
                                 "NaN",
                                 "Infinity",
                                 "-",
                                 "+1",
                                 "01",
                                 "-01",
                                 "1.",
                                 ".5",
                                 "1.e5",
                                 "1e",
                                 "1e+",
                                 "0x10",
                                 "1_0",
                                 "--1",
                                 "\"",
                                 "\"a",
                                 "\"\\\"",
                                 "\"\\",
                                 "\"\\x\"",
                                 "\"\\u\"",
                                 "\"\\u12\"",
                                 "\"\\u12g4\"",
                                 "\"\\u+123\"",
                                 "'a'",
                                 "\"\t\"",
                                 "\"\n\"",
                                 "\"\x1f\"",
                                 "/**/1",
                                 "1//",
                                 "[1]//",
                                 "\xef\xbb\xbf{}",
                                 "\v1",
                                 "\f1",
                                 "\xc2\xa0"
                                 "1"}) {
    CAPTURE(text);
    CHECK_FALSE(parses(text));
  }
}

TEST_CASE("half a pair of surrogates is refused, in either order") {
  for (const std::string text : {"\"\\ud83e\"", "\"\\udda6\"", "\"\\udda6\\ud83e\"", "\"\\ud83e\\ud83e\"",
                                 "\"\\ud83ex\"", "\"\\ud83e\\n\"", "\"\\ud83e\\u0041\"", "\"\\ud83e\\"}) {
    CAPTURE(text);
    CHECK_FALSE(parses(text));
  }
}

TEST_CASE("what is not UTF-8 is refused (RFC 3629)") {
  for (const std::string bytes : {"\x80",
                                  "\xbf",
                                  "\xc0\x80",
                                  "\xc0\xaf",
                                  "\xc1\xbf",
                                  "\xc2",
                                  "\xc2\x41",
                                  "\xe0\x80\x80",
                                  "\xe0\x9f\xbf",
                                  "\xe2\x82",
                                  "\xe2\x82\x41",
                                  "\xed\xa0\x80",
                                  "\xed\xbf\xbf",
                                  "\xf0\x80\x80\x80",
                                  "\xf0\x8f\xbf\xbf",
                                  "\xf0\x9f\xa6",
                                  "\xf4\x90\x80\x80",
                                  "\xf5\x80\x80\x80",
                                  "\xf8\x88\x80\x80\x80",
                                  "\xfe",
                                  "\xff"}) {
    CAPTURE(bytes);
    CHECK_FALSE(parses("\"" + bytes + "\""));
    CHECK_FALSE(parses("\"" + bytes));
    CHECK_FALSE(parses("{\"" + bytes + "\":1}"));
  }
}

TEST_CASE("a NUL is no end: anywhere in the text it is refused") {
  const std::string text = "{\"a\":[1,\"b\"]}";
  for (size_t at = 0; at <= text.size(); ++at) {
    std::string changed = text;
    changed.insert(at, 1, '\0');
    CAPTURE(at);
    CHECK_FALSE(parses(changed));
  }
}

TEST_CASE("no beginning of a text is taken for the whole") {
  const std::string text = R"({"a":[1,-2.5e3,"\u0041ü",true,null,{"b":{}}],"c":"d"})";
  CHECK(parses(text));
  for (size_t length = 0; length < text.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(parses(text.substr(0, length)));
  }
}

TEST_CASE("a member twice is refused, however its name is spelled and whatever lies between") {
  for (const std::string text :
       {R"({"a":1,"a":1})", R"({"a":1,"\u0061":2})", R"({"\u0061":1,"a":2})", R"({"a":1,"b":2,"a":3})",
        R"({"a":{"x":[1,{"y":"}"}]},"b":"]","a":0})", R"({"a":true,"b":null,"c":-1.5,"c":1})", R"({"":1,"":2})",
        R"({"x":{"a":1,"a":1}})", R"([{"a":1,"a":1}])", R"({"\/":1,"/":2})", R"({"ü":1,"\u00fc":2})",
        R"({"🦦":1,"\ud83e\udda6":2})", R"({"\n":1,"\u000A":2})", R"({"a\u0000b":1,"a\u0000b":2})"}) {
    CAPTURE(text);
    CHECK_FALSE(parses(text));
  }
  for (const std::string text :
       {R"({"a":1,"A":2})", R"({"a":1,"aa":2,"":3})", R"({"a":"a","b":"a"})", R"({"a":{"b":1},"b":{"a":1}})",
        R"({"a":["b","b"],"b":1})", R"({"a\u0000b":1,"a\u0000c":2})"}) {
    CAPTURE(text);
    CHECK(parses(text));
  }
}

TEST_CASE("a text has at most 8 levels") {
  for (const std::string value : {"", "1", "\"x\"", "null"}) {
    CAPTURE(value);
    CHECK(parses(repeated("[", 8) + value + repeated("]", 8)));
    CHECK_FALSE(parses(repeated("[", 9) + value + repeated("]", 9)));
  }
  CHECK(parses(repeated("{\"a\":", 8) + "1" + repeated("}", 8)));
  CHECK_FALSE(parses(repeated("{\"a\":", 9) + "1" + repeated("}", 9)));
  CHECK_FALSE(parses(repeated("{\"a\":", 8) + "{}" + repeated("}", 8)));
  CHECK_FALSE(parses(repeated("[", 100000)));
  CHECK_FALSE(parses(repeated("{\"a\":", 100000)));
}

TEST_CASE("the worst text of the largest answer is checked fast") {
  std::vector<std::string> texts;
  std::string flat = "{";
  for (int i = 0; flat.size() < 4080; ++i) flat += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  texts.push_back(flat + "}");
  std::string nested = "{\"z\":0}";
  for (int level = 0; level < 7; ++level) {
    std::string outer = "{\"a\":" + nested;
    for (int i = 0; i < 90; ++i) outer += ",\"" + std::to_string(i) + "\":0";
    nested = outer + "}";
  }
  texts.push_back(nested);
  std::string long_names = "{";
  const std::string prefix(180, 'p');
  for (int i = 0; long_names.size() < 3900; ++i)
    long_names += (i == 0 ? "\"" : ",\"") + prefix + std::to_string(i) + "\":0";
  texts.push_back(long_names + "}");
  for (const std::string& text : texts) {
    const auto start = std::chrono::steady_clock::now();
    CHECK(parses(text));
    const auto took = std::chrono::steady_clock::now() - start;
    // Far above what it takes even with sanitizers; a check that multiplies with every level would take minutes.
    CHECK(std::chrono::duration_cast<std::chrono::milliseconds>(took).count() < 1000);
  }
}

TEST_CASE("members and elements are found in place") {
  const std::string text =
      R"( { "a" : [ 10 , "x,]}" , { "a" : 1 } , [] , true ] , "b\"c" : { "d" : "e" } , "f" : 7 } )";
  const Json root = parsed(text);
  CHECK(root.isObject());
  CHECK(root.member("b\"c").member("d").equals("e", 1));
  CHECK_FALSE(root.member("d").isThere());
  CHECK_FALSE(root.member("").isThere());
  CHECK_FALSE(root.member("f").member("a").isThere());
  uint32_t number = 0;
  CHECK(root.member("f").toUint32(number));
  CHECK(number == 7);

  Json at = root.member("a").firstElement();
  CHECK(at.toUint32(number));
  CHECK(number == 10);
  at = at.nextElement();
  CHECK(at.equals("x,]}", 4));
  at = at.nextElement();
  CHECK(at.member("a").isThere());
  at = at.nextElement();
  CHECK(at.isArray());
  CHECK_FALSE(at.firstElement().isThere());
  at = at.nextElement();
  CHECK(at.isTrue());
  CHECK_FALSE(at.nextElement().isThere());
}

TEST_CASE("what is not there has nothing") {
  const Json none;
  char text[4];
  uint32_t number = 0;
  CHECK_FALSE(none.isThere());
  CHECK_FALSE((none.isObject() || none.isArray() || none.isString() || none.isTrue() || none.isFalse()));
  CHECK_FALSE(none.member("a").isThere());
  CHECK_FALSE(none.firstElement().isThere());
  CHECK_FALSE(none.nextElement().isThere());
  CHECK_FALSE(none.copyString(text, sizeof text));
  CHECK_FALSE(none.equals("", 0));
  CHECK_FALSE(none.toUint32(number));
}

TEST_CASE("strings are copied whole or not at all") {
  struct Row {
    std::string json;
    std::string bytes;
  };
  const std::vector<Row> rows = {
      {"\"\"", ""},
      {"\"abc\"", "abc"},
      {"\"ü\"", "ü"},
      {"\"\\u00fc\"", "ü"},
      {"\"\\u20ac\"", "€"},
      {"\"\\ud83e\\udda6\"", "🦦"},
      {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
      {"\"\\u007f\\u07ff\\uffff\"", "\x7f\xdf\xbf\xef\xbf\xbf"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.json);
    const Json root = parsed(row.json);
    for (size_t capacity = 0; capacity <= row.bytes.size() + 2; ++capacity) {
      CAPTURE(capacity);
      std::vector<char> room(capacity + 1, '#');
      CHECK(root.copyString(room.data(), capacity) == (capacity > row.bytes.size()));
      if (capacity > row.bytes.size()) CHECK(row.bytes == room.data());
      CHECK(room[capacity] == '#');
    }
    CHECK(root.equals(row.bytes.data(), row.bytes.size()));
    CHECK_FALSE(root.equals((row.bytes + "x").data(), row.bytes.size() + 1));
    if (!row.bytes.empty()) CHECK_FALSE(root.equals(row.bytes.data(), row.bytes.size() - 1));
  }
}

TEST_CASE("a string with a NUL is no text, but can be compared") {
  const std::string text = "\"a\\u0000b\"";
  const Json root = parsed(text);
  char room[8];
  CHECK_FALSE(root.copyString(room, sizeof room));
  CHECK_FALSE(root.equals("a", 1));
  CHECK(root.equals("a\0b", 3));
}

TEST_CASE("a word that stands for something else is no string, and the other way round") {
  char room[8];
  for (const std::string text : {"1", "true", "null", "[]", "{}"}) {
    CHECK_FALSE(parsed(text).copyString(room, sizeof room));
    CHECK_FALSE(parsed(text).equals(text.data(), text.size()));
  }
  CHECK_FALSE(parsed("\"true\"").isTrue());
  CHECK(parsed("true").isTrue());
  CHECK(parsed("false").isFalse());
}

TEST_CASE("numbers are plain digits within their bounds") {
  struct Row {
    const char* text;
    bool isUint32;
    bool isUint53;
    uint64_t value;
  };
  const Row rows[] = {
      {"0", true, true, 0},
      {"7", true, true, 7},
      {"4294967295", true, true, 4294967295ULL},
      {"4294967296", false, true, 4294967296ULL},
      {"9007199254740991", false, true, 9007199254740991ULL},
      {"9007199254740992", false, false, 0},
      {"18446744073709551616", false, false, 0},
      {"18446744073709551617", false, false, 0},
      {"100000000000000000000000000000000000000001", false, false, 0},
      {"-0", false, false, 0},
      {"-1", false, false, 0},
      {"1.0", false, false, 0},
      {"1e2", false, false, 0},
      {"1E0", false, false, 0},
      {"\"1\"", false, false, 0},
      {"true", false, false, 0},
      {"null", false, false, 0},
      {"[1]", false, false, 0},
  };
  for (const Row& row : rows) {
    // Alone, and where something follows.
    for (const std::string& json : {std::string(row.text), "[" + std::string(row.text) + " ,2]"}) {
      CAPTURE(json);
      const Json root = parsed(json);
      const Json value = json == row.text ? root : root.firstElement();
      uint32_t narrow = 0;
      uint64_t wide = 0;
      CHECK(value.toUint32(narrow) == row.isUint32);
      CHECK(value.toUint53(wide) == row.isUint53);
      if (row.isUint32) CHECK(narrow == row.value);
      if (row.isUint53) CHECK(wide == row.value);
    }
  }
}

TEST_CASE("numbers with a sign: plain digits within 32 bits, with a minus where they are negative") {
  struct Row {
    const char* text;
    bool isInt32;
    int32_t value;
  };
  const Row rows[] = {
      {"0", true, 0},
      {"-0", true, 0},
      {"840", true, 840},
      {"-840", true, -840},
      {"2147483647", true, 2147483647},
      {"-2147483647", true, -2147483647},
      {"2147483648", false, 0},
      {"-2147483648", false, 0},
      {"4294967297", false, 0},
      {"-1.0", false, 0},
      {"-1e1", false, 0},
      {"1E0", false, 0},
      {"\"-1\"", false, 0},
      {"\"\"", false, 0},
      {"true", false, 0},
      {"null", false, 0},
      {"[-1]", false, 0},
      {"{}", false, 0},
  };
  for (const Row& row : rows) {
    for (const std::string& json : {std::string(row.text), "[" + std::string(row.text) + " ,2]"}) {
      CAPTURE(json);
      const Json root = parsed(json);
      int32_t number = 0;
      CHECK((json == row.text ? root : root.firstElement()).toInt32(number) == row.isInt32);
      CHECK(number == row.value);
    }
  }
  int32_t number = 0;
  CHECK_FALSE(Json().toInt32(number));
}
