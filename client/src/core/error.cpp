#include "error.h"

namespace otter {

const char* nameOf(Error error) {
  switch (error) {
    case Error::ok:
      return "ok";
#define OTTER_NAME(number, name, text, retryable, fault) \
  case Error::name:                                      \
    return #name;
      OTTER_ERROR_TABLE(OTTER_NAME)
#undef OTTER_NAME
  }
  return "unknown";
}

const char* textOf(Error error) {
  switch (error) {
    case Error::ok:
      return "all is well";
#define OTTER_TEXT(number, name, text, retryable, fault) \
  case Error::name:                                      \
    return text;
      OTTER_ERROR_TABLE(OTTER_TEXT)
#undef OTTER_TEXT
  }
  return "an error that this library does not know";
}

bool isRetryable(Error error) {
  switch (error) {
    case Error::ok:
      return true;
#define OTTER_RETRYABLE(number, name, text, retryable, fault) \
  case Error::name:                                           \
    return retryable;
      OTTER_ERROR_TABLE(OTTER_RETRYABLE)
#undef OTTER_RETRYABLE
  }
  return false;
}

Fault faultOf(Error error) {
  switch (error) {
    case Error::ok:
      return Fault::network;
#define OTTER_FAULT(number, name, text, retryable, fault) \
  case Error::name:                                       \
    return Fault::fault;
      OTTER_ERROR_TABLE(OTTER_FAULT)
#undef OTTER_FAULT
  }
  return Fault::firmware;
}

}  // namespace otter
