#if defined(ESP32)

#include <Update.h>
#include <esp_ota_ops.h>
#include <esp_partition.h>
#include <string.h>

#include "esp32.h"

namespace otter {
namespace {

/** `Update` knows no error for want of memory or for being busy: then it answers false and says nothing. */
Error errorOf(uint8_t code, Error otherwise) {
  switch (code) {
    case UPDATE_ERROR_ERASE:
      return Error::flash_erase;
    case UPDATE_ERROR_WRITE:
      return Error::flash_write;
    case UPDATE_ERROR_READ:
      return Error::flash_read;
    case UPDATE_ERROR_SIZE:
    case UPDATE_ERROR_SPACE:
      return Error::size;
    case UPDATE_ERROR_NO_PARTITION:
      return Error::no_ota_slot;
    // Bytes that do not begin like an image are taken for an encrypted one, for which there is no key.
    case UPDATE_ERROR_MAGIC_BYTE:
#if defined(UPDATE_ERROR_DECRYPT)
    case UPDATE_ERROR_DECRYPT:  // since core 3.0
#endif
      return Error::image;
    default:
      return otherwise;
  }
}

}  // namespace

Error Esp32Slot::begin(uint32_t sizeBytes) {
  const esp_partition_t* spare = sparePartition();
  if (spare == nullptr) return Error::no_ota_slot;
  if (sizeBytes > spare->size) return Error::size;
  // The sketch may have an update of its own running, such as ArduinoOTA.
  if (Update.isRunning()) return Error::busy;
  writtenBytes_ = 0;
  if (Update.begin(sizeBytes, U_FLASH)) return Error::ok;
  return errorOf(Update.getError(), Error::low_memory);
}

Error Esp32Slot::write(uint8_t* bytes, size_t count) {
  if (writtenBytes_ < kHeaderBytes) {
    const size_t missing = kHeaderBytes - writtenBytes_;
    memcpy(header_ + writtenBytes_, bytes, count < missing ? count : missing);
  }
  if (Update.write(bytes, count) != count) return errorOf(Update.getError(), Error::flash_write);
  writtenBytes_ += static_cast<uint32_t>(count);
  return Error::ok;
}

/** `Update.end()` would select the slot. `abort()` leaves everything but the header in flash, and no slot selected. */
Error Esp32Slot::seal(uint8_t header[kHeaderBytes]) {
  const bool isWritten = Update.isRunning() && Update.remaining() == 0;
  Update.abort();
  if (!isWritten) return Error::flash_write;
  memcpy(header, header_, kHeaderBytes);
  return Error::ok;
}

Error Esp32Slot::read(uint32_t offset, uint8_t* bytes, size_t count) {
  const esp_partition_t* spare = sparePartition();
  if (spare == nullptr) return Error::no_ota_slot;
  return esp_partition_read(spare, offset, bytes, count) == ESP_OK ? Error::ok : Error::flash_read;
}

/** What `Update.end()` does: the header, then the selection, which verifies the whole image. */
Error Esp32Slot::activate(const uint8_t header[kHeaderBytes]) {
  const esp_partition_t* spare = sparePartition();
  if (spare == nullptr) return Error::no_ota_slot;
  uint8_t present[kHeaderBytes];
  if (esp_partition_read(spare, 0, present, sizeof present) != ESP_OK) return Error::flash_read;
  // After a power cut the header may be there already. Bits only fall, so a torn one is completed by the same bytes.
  const bool isThere = memcmp(present, header, kHeaderBytes) == 0;
  if (!isThere && esp_partition_write(spare, 0, header, kHeaderBytes) != ESP_OK) return Error::flash_write;
  return esp_ota_set_boot_partition(spare) == ESP_OK ? Error::ok : Error::activate;
}

void Esp32Slot::abort() {
  if (writtenBytes_ > 0 || Update.isRunning()) Update.abort();
  writtenBytes_ = 0;
}

}  // namespace otter

#endif
