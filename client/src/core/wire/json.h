// A reader of JSON (RFC 8259) over text in memory: `parse` checks the whole text first, so that nothing is read from a
// document that is broken further down; then values are looked up in place. It allocates nothing and copies only where
// it is asked to. Stricter than the standard where a difference could hide something: no member twice, no depth
// beyond 8.

#pragma once

#include <stddef.h>
#include <stdint.h>

namespace otter {

/** One value in a text that was checked. A default-constructed one is "not there". */
class Json {
 public:
  Json() = default;

  /**
   * Checks all of `text`: one value, nothing but blanks behind it, valid UTF-8 and escapes, no control characters in
   * strings, no duplicated members, at most 8 levels. False where anything is wrong. `root` lives as long as `text`.
   */
  static bool parse(const char* text, size_t length, Json& root);

  bool isThere() const { return start_ != nullptr; }
  bool isObject() const { return isThere() && *start_ == '{'; }
  bool isArray() const { return isThere() && *start_ == '['; }
  bool isString() const { return isThere() && *start_ == '"'; }
  bool isTrue() const { return isThere() && *start_ == 't'; }
  bool isFalse() const { return isThere() && *start_ == 'f'; }

  /** A member of an object; not there where this is no object or has none of that name. */
  Json member(const char* name) const;

  /** The first element of an array, or what follows an element of one; not there at the end. */
  Json firstElement() const;
  Json nextElement() const;

  /**
   * Copies a string with its NUL. False where this is no string, holds a NUL or does not fit. With `capacity` 33,
   * strings of up to 32 bytes fit.
   */
  bool copyString(char* out, size_t capacity) const;

  /** True where this is exactly this string. */
  bool equals(const char* text, size_t length) const;

  /** Plain decimal digits within the bounds of the type: no sign, no fraction, no exponent. */
  bool toUint32(uint32_t& number) const;
  /** The same, with a minus before it where it is negative. */
  bool toInt32(int32_t& number) const;
  /** At most 2^53 - 1, the largest integer that JSON carries safely. */
  bool toUint53(uint64_t& number) const;

 private:
  Json(const char* start, const char* end) : start_(start), end_(end) {}

  const char* start_ = nullptr;
  /** End of the text, for bounds. */
  const char* end_ = nullptr;
};

}  // namespace otter
