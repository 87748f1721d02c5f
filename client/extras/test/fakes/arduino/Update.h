// Arduino's `Update`, for application images (`U_FLASH`) without encryption, MD5 and signatures. Plays core 3.3 in
// `begin` (refuses the running partition) and what 3.0.5 and 3.3 have in common in the rest.

#pragma once

#include <functional>

#include "Arduino.h"
#include "esp_partition.h"

#define UPDATE_ERROR_OK (0)
#define UPDATE_ERROR_WRITE (1)
#define UPDATE_ERROR_ERASE (2)
#define UPDATE_ERROR_READ (3)
#define UPDATE_ERROR_SPACE (4)
#define UPDATE_ERROR_SIZE (5)
#define UPDATE_ERROR_STREAM (6)
#define UPDATE_ERROR_MD5 (7)
#define UPDATE_ERROR_MAGIC_BYTE (8)
#define UPDATE_ERROR_ACTIVATE (9)
#define UPDATE_ERROR_NO_PARTITION (10)
#define UPDATE_ERROR_BAD_ARGUMENT (11)
#define UPDATE_ERROR_ABORT (12)
#define UPDATE_ERROR_DECRYPT (13)

#define UPDATE_SIZE_UNKNOWN 0xFFFFFFFF

#define U_FLASH 0

#define ENCRYPTED_BLOCK_SIZE 16

class UpdateClass {
 public:
  typedef std::function<void(size_t, size_t)> THandlerFunction_Progress;

  UpdateClass& onProgress(THandlerFunction_Progress callback);
  /** Touches no flash. False without an error code where one is running already. */
  bool begin(size_t size = UPDATE_SIZE_UNKNOWN, int command = U_FLASH, int ledPin = -1, uint8_t ledOn = LOW,
             const char* label = nullptr);
  size_t write(uint8_t* bytes, size_t count);
  /** Writes the header, verifies the image and selects the slot. True: the next restart takes it. */
  bool end(bool evenIfRemaining = false);
  /** Frees memory; the flash stays as it is. */
  void abort();

  bool canRollBack();
  bool rollBack();

  uint8_t getError() { return error_; }
  const char* errorString();
  void printError(Print& out) { out.println(errorString()); }
  void clearError() { error_ = UPDATE_ERROR_OK; }
  bool hasError() { return error_ != UPDATE_ERROR_OK; }
  bool isRunning() { return size_ > 0; }
  bool isFinished() { return progress_ == size_; }
  size_t size() { return size_; }
  size_t progress() { return progress_; }
  size_t remaining() { return size_ - progress_; }

 private:
  bool writeBuffer();
  bool eraseAhead();
  void free();
  void fail(uint8_t error);

  uint8_t error_ = UPDATE_ERROR_OK;
  uint8_t* buffer_ = nullptr;
  size_t bufferedBytes_ = 0;
  uint8_t header_[ENCRYPTED_BLOCK_SIZE] = {};
  size_t size_ = 0;
  size_t progress_ = 0;
  const esp_partition_t* partition_ = nullptr;
  THandlerFunction_Progress onProgress_;
};
extern UpdateClass Update;
