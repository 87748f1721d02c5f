// `esp_ota_ops.h`, after `app_update/esp_ota_ops.c` of ESP-IDF 5.

#include "esp_ota_ops.h"

#include <cstring>

#include "board/board.h"

using board::Board;
using board::OtaData;
using board::OtaEntry;
using board::SlotState;

namespace {

const esp_partition_t* partitionOf(uint8_t slot) {
  const auto subtype = static_cast<esp_partition_subtype_t>(ESP_PARTITION_SUBTYPE_APP_OTA_0 + slot);
  return esp_partition_find_first(ESP_PARTITION_TYPE_APP, subtype, nullptr);
}

bool isSlot(const esp_partition_t* partition) {
  return partition->type == ESP_PARTITION_TYPE_APP && partition->subtype >= ESP_PARTITION_SUBTYPE_APP_OTA_0 &&
         partition->subtype < ESP_PARTITION_SUBTYPE_APP_OTA_MAX;
}

uint8_t slotOf(const esp_partition_t* partition) {
  return static_cast<uint8_t>(partition->subtype - ESP_PARTITION_SUBTYPE_APP_OTA_0);
}

bool markActive(OtaData& otaData, uint8_t index, SlotState state) {
  OtaEntry entry = otaData.entry(index);
  entry.state = state;
  return otaData.write(index, entry);
}

}  // namespace

const esp_partition_t* esp_ota_get_running_partition(void) { return partitionOf(Board::current().runningSlot()); }

const esp_partition_t* esp_ota_get_boot_partition(void) {
  OtaData otaData = Board::current().otaData();
  const auto active = otaData.active();
  return partitionOf(active ? otaData.slotOf(otaData.entry(*active)) : uint8_t{0});
}

const esp_partition_t* esp_ota_get_next_update_partition(const esp_partition_t* start_from) {
  const esp_partition_t* start = start_from == nullptr ? esp_ota_get_running_partition() : start_from;
  const size_t count = Board::current().layout().size();
  return partitionOf(static_cast<uint8_t>((slotOf(start) + 1U) % count));
}

const esp_partition_t* esp_ota_get_last_invalid_partition(void) {
  const auto slot = Board::current().otaData().lastLeft();
  if (!slot || !Board::current().imageIn(*slot)) return nullptr;
  return partitionOf(*slot);
}

esp_err_t esp_ota_set_boot_partition(const esp_partition_t* partition) {
  if (partition == nullptr || !isSlot(partition)) return ESP_ERR_INVALID_ARG;
  const uint8_t slot = slotOf(partition);
  if (!Board::current().imageIn(slot)) return ESP_ERR_OTA_VALIDATE_FAILED;
  return Board::current().otaData().select(slot) ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_ota_get_state_partition(const esp_partition_t* partition, esp_ota_img_states_t* state) {
  if (partition == nullptr || state == nullptr) return ESP_ERR_INVALID_ARG;
  if (!isSlot(partition)) return ESP_ERR_NOT_SUPPORTED;
  const auto found = Board::current().slotState(slotOf(partition));
  if (!found) return ESP_ERR_NOT_FOUND;
  // Copied as bits: noise in otadata is no value of the enumeration.
  std::memcpy(state, &*found, sizeof *state);
  return ESP_OK;
}

esp_err_t esp_ota_get_partition_description(const esp_partition_t* partition, esp_app_desc_t* description) {
  if (partition == nullptr || description == nullptr) return ESP_ERR_INVALID_ARG;
  if (partition->type != ESP_PARTITION_TYPE_APP) return ESP_ERR_NOT_SUPPORTED;
  const esp_err_t error = esp_partition_read(partition, board::kAppDescriptorAt, description, sizeof *description);
  if (error != ESP_OK) return error;
  return description->magic_word == ESP_APP_DESC_MAGIC_WORD ? ESP_OK : ESP_ERR_NOT_FOUND;
}

const esp_app_desc_t* esp_app_get_description(void) {
  static esp_app_desc_t description;
  std::memcpy(&description, Board::current().slotBytes(Board::current().runningSlot()) + board::kAppDescriptorAt,
              sizeof description);
  return &description;
}

const esp_app_desc_t* esp_ota_get_app_description(void) { return esp_app_get_description(); }

uint8_t esp_ota_get_app_partition_count(void) { return static_cast<uint8_t>(Board::current().layout().size()); }

bool esp_ota_check_rollback_is_possible(void) {
  const auto slot = Board::current().otaData().previous();
  return slot && Board::current().imageIn(*slot);
}

esp_err_t esp_ota_mark_app_valid_cancel_rollback(void) {
  OtaData otaData = Board::current().otaData();
  const auto active = otaData.active();
  if (!active) return ESP_FAIL;
  if (otaData.entry(*active).state == SlotState::valid) return ESP_OK;
  return markActive(otaData, *active, SlotState::valid) ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_ota_mark_app_invalid_rollback_and_reboot(void) {
  OtaData otaData = Board::current().otaData();
  const auto active = otaData.active();
  if (!active) return ESP_FAIL;
  if (!esp_ota_check_rollback_is_possible()) return ESP_ERR_OTA_ROLLBACK_FAILED;
  if (!markActive(otaData, *active, SlotState::invalid)) return ESP_FAIL;
  Board::current().power.restart(board::ResetReason::software);
}
