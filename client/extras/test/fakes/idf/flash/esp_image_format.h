// ESP-IDF `esp_image_format.h`, as far as sketches look at it.

#pragma once

#include "esp_app_format.h"
