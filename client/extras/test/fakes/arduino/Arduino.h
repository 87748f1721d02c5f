// Arduino's core for ESP32, as far as the library and its examples use it. `Serial` writes to standard error.

#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <string>

#include "esp32-hal-log.h"
#include "esp_arduino_version.h"
#include "esp_attr.h"
#include "esp_random.h"
#include "esp_sleep.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "sdkconfig.h"

#define LOW 0x0
#define HIGH 0x1
#define INPUT 0x01
#define OUTPUT 0x03
#define INPUT_PULLUP 0x05
#define LED_BUILTIN 2
#define DEC 10
#define HEX 16

#define PROGMEM
class __FlashStringHelper;
#define F(text) (reinterpret_cast<const __FlashStringHelper*>(text))

typedef bool boolean;
typedef uint8_t byte;
using std::max;
using std::min;

class Print;

class Printable {
 public:
  virtual ~Printable() = default;
  virtual size_t printTo(Print& out) const = 0;
};

class String {
 public:
  String(const char* text = "") : text_(text == nullptr ? "" : text) {}
  explicit String(int number) : text_(std::to_string(number)) {}
  explicit String(unsigned int number) : text_(std::to_string(number)) {}
  explicit String(long number) : text_(std::to_string(number)) {}
  explicit String(unsigned long number) : text_(std::to_string(number)) {}
  const char* c_str() const { return text_.c_str(); }
  unsigned int length() const { return static_cast<unsigned int>(text_.size()); }
  bool isEmpty() const { return text_.empty(); }
  String& operator+=(const String& other) {
    text_ += other.text_;
    return *this;
  }
  bool operator==(const String& other) const { return text_ == other.text_; }
  bool operator!=(const String& other) const { return text_ != other.text_; }
  char operator[](unsigned int index) const { return index < text_.size() ? text_[index] : '\0'; }
  int toInt() const { return atoi(text_.c_str()); }
  bool startsWith(const String& other) const { return text_.compare(0, other.text_.size(), other.text_) == 0; }
  int indexOf(char wanted) const {
    const size_t at = text_.find(wanted);
    return at == std::string::npos ? -1 : static_cast<int>(at);
  }
  void trim() {
    const char* blanks = " \t\r\n";
    text_.erase(0, text_.find_first_not_of(blanks));
    text_.erase(text_.find_last_not_of(blanks) + 1);
  }

 private:
  std::string text_;
};
inline String operator+(String left, const String& right) { return left += right; }

class Print {
 public:
  virtual ~Print() = default;
  virtual size_t write(uint8_t byte) = 0;
  virtual size_t write(const uint8_t* bytes, size_t count);
  size_t write(const char* text) { return write(reinterpret_cast<const uint8_t*>(text), strlen(text)); }
  virtual void flush() {}

  size_t print(const char* text) { return write(text); }
  size_t print(const __FlashStringHelper* text) { return write(reinterpret_cast<const char*>(text)); }
  size_t print(const String& text) { return write(text.c_str()); }
  size_t print(char character) { return write(static_cast<uint8_t>(character)); }
  size_t print(const Printable& object) { return object.printTo(*this); }
  size_t print(unsigned char number, int base = DEC) { return print(static_cast<unsigned long>(number), base); }
  size_t print(int number, int base = DEC) { return print(static_cast<long>(number), base); }
  size_t print(unsigned int number, int base = DEC) { return print(static_cast<unsigned long>(number), base); }
  size_t print(long number, int base = DEC);
  size_t print(unsigned long number, int base = DEC);
  size_t print(long long number, int base = DEC) { return print(static_cast<long>(number), base); }
  size_t print(unsigned long long number, int base = DEC) { return print(static_cast<unsigned long>(number), base); }
  size_t print(double number, int digits = 2);
  size_t println() { return write("\r\n"); }
  template <typename T>
  size_t println(const T& value) {
    const size_t count = print(value);
    return count + println();
  }
  template <typename T>
  size_t println(const T& value, int base) {
    const size_t count = print(value, base);
    return count + println();
  }
  size_t printf(const char* format, ...) __attribute__((format(printf, 2, 3)));
};

class Stream : public Print {
 public:
  virtual int available() = 0;
  virtual int read() = 0;
  virtual int peek() = 0;
};

class HardwareSerial : public Stream {
 public:
  void begin(unsigned long baud) { (void)baud; }
  void end() {}
  using Print::write;
  size_t write(uint8_t byte) override;
  int available() override { return 0; }
  int read() override { return -1; }
  int peek() override { return -1; }
  void setTimeout(unsigned long ms) { (void)ms; }
  String readStringUntil(char end) {
    (void)end;
    return String();
  }
  explicit operator bool() const { return true; }
};
extern HardwareSerial Serial;

class EspClass {
 public:
  [[noreturn]] void restart() { esp_restart(); }
  uint32_t getFlashChipSize();
  uint32_t getFreeHeap();
  uint32_t getMinFreeHeap() { return getFreeHeap(); }
  uint32_t getMaxAllocHeap();
  uint32_t getHeapSize() { return 320000; }
  uint64_t getEfuseMac();
  const char* getChipModel() { return CONFIG_IDF_TARGET; }
  const char* getSdkVersion() { return "v5.1.4"; }
};
extern EspClass ESP;

unsigned long millis();
unsigned long micros();
void delay(uint32_t ms);
void delayMicroseconds(uint32_t us);
void yield();
long random(long limit);
long random(long from, long limit);

void pinMode(uint8_t pin, uint8_t mode);
void digitalWrite(uint8_t pin, uint8_t value);
int digitalRead(uint8_t pin);
uint16_t analogRead(uint8_t pin);

/** Defined by the sketch. */
void setup();
void loop();

/**
 * What runs before `setup()`. Marks an image on trial as VALID, unless somebody has a `verifyRollbackLater` that says
 * true: that is how stock sketches lose their way back.
 */
void initArduino();
extern "C" bool verifyRollbackLater();
extern "C" bool verifyOta();
