// `Update.h`, after what `Updater.cpp` of arduino-esp32 3.x does to flash, step by step.

#include "Update.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "board/board.h"
#include "esp_app_format.h"
#include "esp_ota_ops.h"

using board::Board;

UpdateClass Update;

namespace {

constexpr size_t kSectorBytes = SPI_FLASH_SEC_SIZE;
constexpr size_t kBlockBytes = 16 * kSectorBytes;

// A restart empties the RAM.
const bool isRegistered = [] {
  Board::atPowerOff([] {
    Update.abort();
    Update = UpdateClass();
  });
  return true;
}();

bool isBootable(const esp_partition_t* partition) {
  uint8_t first = 0;
  return partition != nullptr && esp_partition_read(partition, 0, &first, 1) == ESP_OK &&
         first == ESP_IMAGE_HEADER_MAGIC;
}

}  // namespace

UpdateClass& UpdateClass::onProgress(THandlerFunction_Progress callback) {
  onProgress_ = std::move(callback);
  return *this;
}

bool UpdateClass::begin(size_t size, int command, int, uint8_t, const char*) {
  if (size_ > 0) return false;
  free();
  error_ = UPDATE_ERROR_OK;
  if (size == 0) {
    error_ = UPDATE_ERROR_SIZE;
    return false;
  }
  if (command != U_FLASH) {
    error_ = UPDATE_ERROR_BAD_ARGUMENT;
    return false;
  }
  partition_ = esp_ota_get_next_update_partition(nullptr);
  if (partition_ == nullptr || partition_ == esp_ota_get_running_partition()) {
    error_ = UPDATE_ERROR_NO_PARTITION;
    return false;
  }
  if (size == UPDATE_SIZE_UNKNOWN) size = partition_->size;
  if (size > partition_->size) {
    error_ = UPDATE_ERROR_SIZE;
    return false;
  }
  // Without memory it fails without an error code.
  if (Board::current().surroundings.largestHeapBlockBytes < kSectorBytes) return false;
  buffer_ = new (std::nothrow) uint8_t[kSectorBytes];
  if (buffer_ == nullptr) return false;
  size_ = size;
  return true;
}

size_t UpdateClass::write(uint8_t* bytes, size_t count) {
  if (hasError() || !isRunning()) return 0;
  if (count > remaining()) {
    fail(UPDATE_ERROR_SPACE);
    return 0;
  }
  size_t left = count;
  while (bufferedBytes_ + left > kSectorBytes) {
    const size_t room = kSectorBytes - bufferedBytes_;
    std::memcpy(buffer_ + bufferedBytes_, bytes + (count - left), room);
    bufferedBytes_ += room;
    if (!writeBuffer()) return count - left;
    left -= room;
  }
  std::memcpy(buffer_ + bufferedBytes_, bytes + (count - left), left);
  bufferedBytes_ += left;
  if (bufferedBytes_ == remaining() && !writeBuffer()) return count - left;
  return count;
}

bool UpdateClass::writeBuffer() {
  size_t withheld = 0;
  if (progress_ == 0) {
    // Anything else is taken for an encrypted image, and there is no key.
    if (buffer_[0] != ESP_IMAGE_HEADER_MAGIC) {
      fail(UPDATE_ERROR_DECRYPT);
      return false;
    }
    withheld = std::min<size_t>(ENCRYPTED_BLOCK_SIZE, bufferedBytes_);
    std::memcpy(header_, buffer_, withheld);
    if (onProgress_) onProgress_(0, size_);
  }
  if (!eraseAhead()) {
    fail(UPDATE_ERROR_ERASE);
    return false;
  }
  const uint8_t* data = buffer_ + withheld;
  const size_t count = bufferedBytes_ - withheld;
  const bool isEmpty = std::all_of(data, data + count, [](uint8_t value) { return value == 0xFF; });
  if (!isEmpty && esp_partition_write(partition_, progress_ + withheld, data, count) != ESP_OK) {
    fail(UPDATE_ERROR_WRITE);
    return false;
  }
  progress_ += bufferedBytes_;
  bufferedBytes_ = 0;
  if (onProgress_) onProgress_(progress_, size_);
  return true;
}

/** Blocks of 64 KiB where one begins and is needed as a whole; single sectors before the first and after the last. */
bool UpdateClass::eraseAhead() {
  const size_t address = partition_->address + progress_;
  const bool isBlock = size_ - progress_ >= kBlockBytes && address % kBlockBytes == 0;
  const bool isInHead =
      partition_->address % kBlockBytes != 0 && address < (partition_->address / kBlockBytes + 1) * kBlockBytes;
  const bool isInTail = address >= (partition_->address + size_) / kBlockBytes * kBlockBytes;
  if (!isBlock && !isInHead && !isInTail) return true;
  return esp_partition_erase_range(partition_, progress_, isBlock ? kBlockBytes : kSectorBytes) == ESP_OK;
}

bool UpdateClass::end(bool evenIfRemaining) {
  if (hasError() || size_ == 0) return false;
  if (!isFinished() && !evenIfRemaining) {
    fail(UPDATE_ERROR_ABORT);
    return false;
  }
  if (evenIfRemaining) {
    if (bufferedBytes_ > 0) writeBuffer();
    size_ = progress_;
  }
  if (esp_partition_write(partition_, 0, header_, sizeof header_) != ESP_OK || !isBootable(partition_)) {
    fail(UPDATE_ERROR_READ);
    return false;
  }
  if (esp_ota_set_boot_partition(partition_) != ESP_OK) {
    fail(UPDATE_ERROR_ACTIVATE);
    return false;
  }
  free();
  return true;
}

void UpdateClass::abort() { fail(UPDATE_ERROR_ABORT); }

bool UpdateClass::canRollBack() { return buffer_ == nullptr && isBootable(esp_ota_get_next_update_partition(nullptr)); }

bool UpdateClass::rollBack() {
  return canRollBack() && esp_ota_set_boot_partition(esp_ota_get_next_update_partition(nullptr)) == ESP_OK;
}

const char* UpdateClass::errorString() {
  constexpr const char* kTexts[] = {"No Error",
                                    "Flash Write Failed",
                                    "Flash Erase Failed",
                                    "Flash Read Failed",
                                    "Not Enough Space",
                                    "Bad Size Given",
                                    "Stream Read Timeout",
                                    "MD5 Check Failed",
                                    "Wrong Magic Byte",
                                    "Could Not Activate The Firmware",
                                    "Partition Could Not be Found",
                                    "Bad Argument",
                                    "Aborted",
                                    "Decryption error"};
  return error_ < sizeof kTexts / sizeof kTexts[0] ? kTexts[error_] : "UNKNOWN";
}

void UpdateClass::free() {
  delete[] buffer_;
  buffer_ = nullptr;
  bufferedBytes_ = 0;
  progress_ = 0;
  size_ = 0;
}

void UpdateClass::fail(uint8_t error) {
  free();
  error_ = error;
}
