// `Update` of core 2.x: it knows no encrypted images.

#pragma once

#include_next <Update.h>

#undef UPDATE_ERROR_DECRYPT
