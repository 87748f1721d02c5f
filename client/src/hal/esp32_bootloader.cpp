#if defined(ESP32)

#include <esp_ota_ops.h>
#include <esp_partition.h>
#include <esp_system.h>
#include <esp_timer.h>
#include <string.h>

#include "../core/offer/build_date.h"
#include "esp32.h"

namespace otter {
namespace {

// `esp_reset_reason_t` of ESP-IDF 5.x by number: 4.4 and 5.1 do not name all of them, and a bootloader may be newer.
constexpr int kSdio = 10;
constexpr int kUsb = 11;
constexpr int kJtag = 12;
constexpr int kEfuse = 13;
constexpr int kPowerGlitch = 14;
constexpr int kCpuLockup = 15;

uint8_t slotOf(const esp_partition_t* partition) {
  if (partition == nullptr || partition->type != ESP_PARTITION_TYPE_APP) return kNoSlot;
  const int index = partition->subtype - ESP_PARTITION_SUBTYPE_APP_OTA_MIN;
  return index >= 0 && index < 16 ? static_cast<uint8_t>(index) : kNoSlot;
}

const esp_partition_t* partitionOf(uint8_t slot) {
  const auto subtype = static_cast<esp_partition_subtype_t>(ESP_PARTITION_SUBTYPE_APP_OTA_MIN + slot);
  return esp_partition_find_first(ESP_PARTITION_TYPE_APP, subtype, nullptr);
}

bool readRunningDescription(esp_app_desc_t& description) {
  return esp_ota_get_partition_description(esp_ota_get_running_partition(), &description) == ESP_OK;
}

void restartIfOnTrial(void*) {
  // Not through the OTA calls: they verify an image, for which this stack is too small. A reset on trial is enough.
  esp_ota_img_states_t state = ESP_OTA_IMG_UNDEFINED;
  const bool isKnown = esp_ota_get_state_partition(esp_ota_get_running_partition(), &state) == ESP_OK;
  if (isKnown && state == ESP_OTA_IMG_PENDING_VERIFY) esp_restart();
}

}  // namespace

const esp_partition_t* sparePartition() {
  const esp_partition_t* spare = esp_ota_get_next_update_partition(nullptr);
  return spare == esp_ota_get_running_partition() ? nullptr : spare;
}

uint8_t Esp32Bootloader::runningSlot() { return slotOf(esp_ota_get_running_partition()); }

uint8_t Esp32Bootloader::spareSlot() { return slotOf(sparePartition()); }

uint32_t Esp32Bootloader::spareSlotBytes() {
  const esp_partition_t* spare = sparePartition();
  return spare == nullptr ? 0 : spare->size;
}

ImageState Esp32Bootloader::runningState() {
  esp_ota_img_states_t state = ESP_OTA_IMG_UNDEFINED;
  if (esp_ota_get_state_partition(esp_ota_get_running_partition(), &state) != ESP_OK) return ImageState::undefined;
  switch (state) {
    case ESP_OTA_IMG_NEW:
      return ImageState::fresh;
    case ESP_OTA_IMG_PENDING_VERIFY:
      return ImageState::pending_verify;
    case ESP_OTA_IMG_VALID:
      return ImageState::valid;
    case ESP_OTA_IMG_INVALID:
      return ImageState::invalid;
    case ESP_OTA_IMG_ABORTED:
      return ImageState::aborted;
    default:
      return ImageState::undefined;
  }
}

/** The state itself, not `esp_ota_get_last_invalid_partition`: that one also wants the image to verify. */
bool Esp32Bootloader::wasLeft(uint8_t slot) {
  const esp_partition_t* partition = partitionOf(slot);
  esp_ota_img_states_t state = ESP_OTA_IMG_UNDEFINED;
  if (partition == nullptr || esp_ota_get_state_partition(partition, &state) != ESP_OK) return false;
  return state == ESP_OTA_IMG_INVALID || state == ESP_OTA_IMG_ABORTED;
}

bool Esp32Bootloader::runningElfSha256(uint8_t sha256[32]) {
  esp_app_desc_t description;
  if (!readRunningDescription(description)) return false;
  memcpy(sha256, description.app_elf_sha256, 32);
  return true;
}

uint32_t Esp32Bootloader::runningSecurityVersion() {
  esp_app_desc_t description;
  return readRunningDescription(description) ? description.secure_version : 0;
}

int64_t Esp32Bootloader::runningBuiltAtS() {
  esp_app_desc_t description;
  if (!readRunningDescription(description)) return 0;
  description.date[sizeof description.date - 1] = '\0';
  description.time[sizeof description.time - 1] = '\0';
  return parseBuildDate(description.date, description.time);
}

ResetReason Esp32Bootloader::resetReason() {
  switch (static_cast<int>(esp_reset_reason())) {
    case ESP_RST_UNKNOWN:
      return ResetReason::unknown;
    case ESP_RST_POWERON:
      return ResetReason::power_on;
    case ESP_RST_EXT:
      return ResetReason::external;
    case ESP_RST_SW:
      return ResetReason::software;
    case ESP_RST_PANIC:
      return ResetReason::panic;
    case ESP_RST_INT_WDT:
      return ResetReason::interrupt_watchdog;
    case ESP_RST_TASK_WDT:
      return ResetReason::task_watchdog;
    case ESP_RST_WDT:
      return ResetReason::other_watchdog;
    case ESP_RST_DEEPSLEEP:
      return ResetReason::deep_sleep;
    case ESP_RST_BROWNOUT:
      return ResetReason::brownout;
    case kSdio:
      return ResetReason::sdio;
    case kUsb:
      return ResetReason::usb;
    case kJtag:
      return ResetReason::jtag;
    case kEfuse:
      return ResetReason::efuse;
    case kPowerGlitch:
      return ResetReason::pwr_glitch;
    case kCpuLockup:
      return ResetReason::cpu_lockup;
    default:
      return ResetReason::other;
  }
}

/**
 * The call acts on the active entry of otadata, whatever runs: where the bootloader fell back, it would bless the slot
 * that failed (esphome#17699). So only where the state of the running image asks for it.
 */
Error Esp32Bootloader::markValid() {
  const ImageState state = runningState();
  if (state != ImageState::pending_verify && state != ImageState::fresh) return Error::ok;
  return esp_ota_mark_app_valid_cancel_rollback() == ESP_OK ? Error::ok : Error::activate;
}

Error Esp32Bootloader::giveUp() {
  if (runningState() == ImageState::pending_verify) esp_ota_mark_app_invalid_rollback_and_reboot();
  return Error::rollback_impossible;
}

Error Esp32Bootloader::select(uint8_t slot) {
  const esp_partition_t* partition = partitionOf(slot);
  if (partition == nullptr || esp_ota_set_boot_partition(partition) != ESP_OK) return Error::activate;
  return Error::ok;
}

void Esp32Bootloader::restart() { esp_restart(); }

void startTrialGuard(uint32_t seconds) {
  static esp_timer_handle_t guard = nullptr;
  esp_timer_create_args_t settings = {};
  settings.callback = restartIfOnTrial;
  settings.name = "otter-trial";
  if (guard == nullptr && esp_timer_create(&settings, &guard) != ESP_OK) return;
  esp_timer_stop(guard);
  esp_timer_start_once(guard, static_cast<uint64_t>(seconds) * 1000000);
}

}  // namespace otter

#endif
