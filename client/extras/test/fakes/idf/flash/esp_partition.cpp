// `esp_partition.h`: the partitions of the board.

#include "esp_partition.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>

#include "board/board.h"
#include "esp_ota_ops.h"

using board::Board;

namespace {

constexpr size_t kMaxPartitions = 18;

// Callers compare pointers, so each partition keeps its place for as long as the program lives.
esp_partition_t partitions[kMaxPartitions];

size_t partitionCount = 0;
std::mutex listing;

const bool isRegistered = [] {
  Board::atPowerOff([] { partitionCount = 0; });
  return true;
}();

void add(esp_partition_type_t type, size_t subtype, uint32_t address, uint32_t size, const std::string& label) {
  esp_partition_t& partition = partitions[partitionCount++];
  partition.type = type;
  partition.subtype = static_cast<esp_partition_subtype_t>(subtype);
  partition.address = address;
  partition.size = size;
  partition.erase_size = board::kSectorBytes;
  partition.label[label.copy(partition.label, sizeof partition.label - 1)] = '\0';
}

/** Reads the table of the board once after each start. */
void listPartitions() {
  const std::lock_guard<std::mutex> lock(listing);
  if (partitionCount > 0) return;
  add(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, board::kNvsAt, board::kNvsBytes, "nvs");
  add(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_OTA, board::kOtaDataAt, 2 * board::kSectorBytes, "otadata");
  const board::Layout& layout = Board::current().layout();
  for (size_t index = 0; index < layout.size(); ++index) {
    add(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_APP_OTA_0 + index, layout[index].address, layout[index].sizeBytes,
        "app" + std::to_string(index));
  }
}

bool isInside(const esp_partition_t& partition, size_t offset, size_t size) {
  return offset <= partition.size && size <= partition.size - offset;
}

void guardRunningApplication(const esp_partition_t* partition) {
  if (partition == esp_ota_get_running_partition()) Board::current().panic("a write to the running application");
}

}  // namespace

const esp_partition_t* esp_partition_find_first(esp_partition_type_t type, esp_partition_subtype_t subtype,
                                                const char* label) {
  listPartitions();
  const esp_partition_t* end = partitions + partitionCount;
  const auto* found = std::find_if<const esp_partition_t*>(partitions, end, [&](const esp_partition_t& partition) {
    return (type == ESP_PARTITION_TYPE_ANY || partition.type == type) &&
           (subtype == ESP_PARTITION_SUBTYPE_ANY || partition.subtype == subtype) &&
           (label == nullptr || std::strcmp(label, partition.label) == 0);
  });
  return found == end ? nullptr : found;
}

esp_err_t esp_partition_read(const esp_partition_t* partition, size_t offset, void* bytes, size_t count) {
  if (partition == nullptr || bytes == nullptr || offset > partition->size) return ESP_ERR_INVALID_ARG;
  if (!isInside(*partition, offset, count)) return ESP_ERR_INVALID_SIZE;
  const auto address = static_cast<uint32_t>(partition->address + offset);
  return Board::current().flash.read(address, static_cast<uint8_t*>(bytes), count) ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_partition_write(const esp_partition_t* partition, size_t offset, const void* bytes, size_t count) {
  if (partition == nullptr || bytes == nullptr || offset > partition->size) return ESP_ERR_INVALID_ARG;
  if (!isInside(*partition, offset, count)) return ESP_ERR_INVALID_SIZE;
  guardRunningApplication(partition);
  const auto address = static_cast<uint32_t>(partition->address + offset);
  return Board::current().flash.program(address, static_cast<const uint8_t*>(bytes), count) ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_partition_erase_range(const esp_partition_t* partition, size_t offset, size_t size) {
  if (partition == nullptr || offset > partition->size) return ESP_ERR_INVALID_ARG;
  if (!isInside(*partition, offset, size)) return ESP_ERR_INVALID_SIZE;
  if (offset % board::kSectorBytes != 0) return ESP_ERR_INVALID_ARG;
  if (size % board::kSectorBytes != 0) return ESP_ERR_INVALID_SIZE;
  guardRunningApplication(partition);
  for (size_t done = 0; done < size; done += board::kSectorBytes) {
    if (!Board::current().flash.eraseSector(static_cast<uint32_t>(partition->address + offset + done))) return ESP_FAIL;
  }
  return ESP_OK;
}
