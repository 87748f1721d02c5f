// The vectors that client and server share (protocol/vectors), read with the library's own reader of JSON.

#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/wire/json.h"

namespace vectors {

using otter::Json;

/** A key that signed nothing in these files. */
inline constexpr char kOtherKey[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECjW8Uyp9rY/JVGi9duCj1AMOZQ2k\n"
    "my7yzccS9j2n9LnTMZU14jDUcqIvUtuZ4rJSeuFQ1b1KUkF/kyEigtLmvQ==\n"
    "-----END PUBLIC KEY-----\n";

/** Where the files are: `OTTER_VECTORS`, or as they lie in the repository. */
inline std::filesystem::path folder() {
  // A program that was built in another clone is told at run time.
  if (const char* told = std::getenv("OTTER_VECTORS")) return told;
#ifdef OTTER_VECTORS
  return OTTER_VECTORS;
#else
  return std::filesystem::path(__FILE__).parent_path() / "../../../../../protocol/vectors";
#endif
}

/** One file; it lives as long as the values in it. */
class File {
 public:
  explicit File(const std::string& name) {
    std::ifstream file(folder() / name, std::ios::binary);
    REQUIRE_MESSAGE(file.good(), (folder() / name).string(), " is missing: run the tests in the Otter repository");
    text_.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    REQUIRE_MESSAGE(Json::parse(text_.data(), text_.size(), root_), name, " is not JSON");
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  Json member(const char* name) const { return root_.member(name); }

 private:
  std::string text_;
  Json root_;
};

inline std::vector<Json> elements(const Json& array) {
  REQUIRE(array.isArray());
  std::vector<Json> all;
  for (Json at = array.firstElement(); at.isThere(); at = at.nextElement()) all.push_back(at);
  return all;
}

/** A text without NUL. */
inline std::string text(const Json& value) {
  std::string bytes(16384, '\0');
  REQUIRE(value.copyString(bytes.data(), bytes.size()));
  bytes.resize(bytes.find('\0'));
  return bytes;
}

inline std::string text(const Json& object, const char* name) {
  CAPTURE(name);
  return text(object.member(name));
}

inline std::vector<std::string> texts(const Json& array) {
  std::vector<std::string> all;
  for (const Json& value : elements(array)) all.push_back(text(value));
  return all;
}

inline uint64_t number(const Json& object, const char* name) {
  CAPTURE(name);
  uint64_t value = 0;
  REQUIRE(object.member(name).toUint53(value));
  return value;
}

inline bool flag(const Json& object, const char* name) {
  CAPTURE(name);
  const Json value = object.member(name);
  REQUIRE((value.isTrue() || value.isFalse()));
  return value.isTrue();
}

inline std::string fromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

}  // namespace vectors
