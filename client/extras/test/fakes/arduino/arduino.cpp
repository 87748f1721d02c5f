// `Arduino.h`: printing, time, pins, and what runs before `setup()`.

#include "Arduino.h"

#include <cstdarg>

#include "board/board.h"
#include "esp_ota_ops.h"

using board::Board;

HardwareSerial Serial;
EspClass ESP;

size_t Print::write(const uint8_t* bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) write(bytes[i]);
  return count;
}

size_t Print::print(long number, int base) {
  if (number >= 0 || base != DEC) return print(static_cast<unsigned long>(number), base);
  char text[24];
  snprintf(text, sizeof text, "%ld", number);
  return write(text);
}

size_t Print::print(unsigned long number, int base) {
  char text[24];
  snprintf(text, sizeof text, base == HEX ? "%lX" : "%lu", number);
  return write(text);
}

size_t Print::print(double number, int digits) {
  char text[64];
  snprintf(text, sizeof text, "%.*f", digits, number);
  return write(text);
}

size_t Print::printf(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return write(text);
}

size_t HardwareSerial::write(uint8_t character) {
  if (character != '\r') fputc(character, stderr);
  return 1;
}

int log_printf(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int count = vfprintf(stderr, format, arguments);
  va_end(arguments);
  return count;
}

uint32_t EspClass::getFlashChipSize() { return Board::current().flash.sizeBytes(); }

uint32_t EspClass::getFreeHeap() { return Board::current().surroundings.freeHeapBytes; }

uint32_t EspClass::getMaxAllocHeap() { return Board::current().surroundings.largestHeapBlockBytes; }

uint64_t EspClass::getEfuseMac() {
  uint64_t mac = 0;
  for (size_t i = 0; i < 6; ++i) mac |= static_cast<uint64_t>(Board::current().options().mac[i]) << (8 * i);
  return mac;
}

// 32 bits, as on the chip: they wrap after 49 days.
unsigned long millis() { return static_cast<uint32_t>(Board::current().upUs() / 1000); }

unsigned long micros() { return static_cast<uint32_t>(Board::current().upUs()); }

void delay(uint32_t ms) { vTaskDelay(ms); }

void delayMicroseconds(uint32_t us) { Board::current().clock.sleepUs(us); }

void yield() { vTaskDelay(0); }

long random(long limit) { return limit <= 0 ? 0 : static_cast<long>(esp_random() % static_cast<unsigned long>(limit)); }

long random(long from, long limit) { return from + random(limit - from); }

void pinMode(uint8_t pin, uint8_t mode) {
  (void)pin;
  (void)mode;
}

void digitalWrite(uint8_t pin, uint8_t value) {
  (void)pin;
  (void)value;
}

int digitalRead(uint8_t pin) {
  (void)pin;
  return HIGH;
}

uint16_t analogRead(uint8_t pin) {
  (void)pin;
  return 2048;
}

// `esp32-hal-misc.c` of core 3.0.5.
void initArduino() {
  if (verifyRollbackLater()) return;
  esp_ota_img_states_t state = ESP_OTA_IMG_UNDEFINED;
  if (esp_ota_get_state_partition(esp_ota_get_running_partition(), &state) != ESP_OK) return;
  if (state != ESP_OTA_IMG_PENDING_VERIFY) return;
  if (verifyOta()) {
    esp_ota_mark_app_valid_cancel_rollback();
  } else {
    esp_ota_mark_app_invalid_rollback_and_reboot();
  }
}
