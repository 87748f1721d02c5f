// Names to addresses, as lwIP and POSIX have them.

#pragma once

#include <netdb.h>
