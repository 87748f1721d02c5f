#include "build_date.h"

#include <string.h>

#include "manifest.h"

namespace otter {
namespace {

constexpr int64_t kDayS = 86400;
constexpr size_t kDateChars = 11;
constexpr size_t kTimeChars = 8;
constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/** 1 to 12; 0 for no month. */
int monthOf(const char* date) {
  for (int month = 0; month < 12; ++month)
    if (strncmp(kMonths + 3 * month, date, 3) == 0) return month + 1;
  return 0;
}

}  // namespace

int64_t parseBuildDate(const char* date, const char* time) {
  if (strlen(date) != kDateChars || strlen(time) != kTimeChars) return 0;
  const int month = monthOf(date);
  if (month == 0 || date[3] != ' ' || date[6] != ' ') return 0;
  // `2026-11-23T12:07:27Z`
  char text[21];
  memcpy(text, date + 7, 4);
  text[4] = '-';
  text[5] = static_cast<char>('0' + month / 10);
  text[6] = static_cast<char>('0' + month % 10);
  text[7] = '-';
  text[8] = date[4] == ' ' ? '0' : date[4];
  text[9] = date[5];
  text[10] = 'T';
  memcpy(text + 11, time, kTimeChars);
  text[19] = 'Z';
  text[20] = '\0';
  int64_t epochS = 0;
  return parseInstant(text, epochS) && epochS > kDayS ? epochS - kDayS : 0;
}

}  // namespace otter
