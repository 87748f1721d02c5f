// Arduino's `Preferences` over the board's NVS, as far as blobs and small numbers go.

#pragma once

#include <string>

#include "Arduino.h"

class Preferences {
 public:
  /** Read-only fails where the namespace is not there. */
  bool begin(const char* name, bool readOnly = false, const char* partitionLabel = nullptr);
  void end();
  bool isKey(const char* key);
  bool remove(const char* key);
  /** Bytes written, 0 after a failure. */
  size_t putBytes(const char* key, const void* value, size_t count);
  /** 0 where there is nothing, and where it does not fit. */
  size_t getBytes(const char* key, void* buffer, size_t capacity);
  size_t getBytesLength(const char* key);
  size_t putUInt(const char* key, uint32_t value) { return putBytes(key, &value, sizeof value); }
  uint32_t getUInt(const char* key, uint32_t otherwise = 0);

 private:
  bool isOpen_ = false;
  bool isReadOnly_ = false;
  std::string name_;
};
