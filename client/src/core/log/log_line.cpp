#include "log_line.h"

#include "../text_buffer.h"
#include "advice.h"

namespace otter {
namespace {

void addError(TextBuffer& out, Error error, const char* detail) {
  out.add(": ").add(nameOf(error)).add(": ").add(textOf(error));
  if (detail[0] != '\0') out.add(" (").add(detail).add(")");
  out.add(". ").add(adviceOn(error));
}

void addVersion(TextBuffer& out, const char* before, const EventFacts& facts) {
  out.add(before);
  if (facts.version[0] != '\0') out.add(" ").add(facts.version);
}

void addWait(TextBuffer& out, const char* before, const EventFacts& facts) {
  if (facts.waitS > 0) out.add(before).addNumber(facts.waitS).add(" s");
}

}  // namespace

LogLevel levelOf(Event event) {
  switch (event) {
    case Event::rejected:
    case Event::rejected_build:
    case Event::rolled_back:
    case Event::failed:
      return LogLevel::error;
    case Event::deferred:
    case Event::download_interrupted:
    case Event::enrolment_pending:
    case Event::enrolment_failed:
    case Event::token_refused:
    case Event::configuration_refused:
      return LogLevel::warning;
    case Event::connected:
    case Event::checked:
    case Event::offered:
    case Event::download_started:
    case Event::downloaded:
    case Event::installing:
    case Event::trial_started:
    case Event::confirmed:
    case Event::enrolled:
    case Event::pins_changed:
      return LogLevel::info;
  }
  return LogLevel::error;
}

void writeLogLine(Event event, Error error, const EventFacts& facts, char* text, size_t capacity) {
  TextBuffer out(text, capacity);
  switch (event) {
    case Event::connected:
      out.add("connected to ").add(facts.detail).add(", pin ok");
      return;
    case Event::checked:
      addVersion(out, "checked: nothing new,", facts);
      out.add(" stays");
      if (facts.detail[0] != '\0') out.add(" (").add(facts.detail).add(")");
      return addWait(out, ", next check in about ", facts);
    case Event::offered:
      addVersion(out, "offered:", facts);
      out.add(", ").addNumber(facts.sizeBytes).add(" bytes");
      return;
    case Event::rejected:
      addVersion(out, "not taken:", facts);
      return addError(out, error, facts.detail);
    case Event::deferred:
      addVersion(out, "put off:", facts);
      return addError(out, error, facts.detail);
    case Event::download_started:
      return addVersion(out, "downloading", facts);
    case Event::download_interrupted:
      addVersion(out, "download of", facts);
      out.add(" interrupted");
      addError(out, error, facts.detail);
      return addWait(out, " It goes on in about ", facts);
    case Event::downloaded:
      addVersion(out, "downloaded", facts);
      out.add(" and verified; it waits for a quiet moment");
      return;
    case Event::installing:
      addVersion(out, "installing", facts);
      out.add(": the board restarts");
      return;
    case Event::trial_started:
      addVersion(out, "on trial:", facts);
      out.add(" has ").addNumber(facts.waitS).add(" s to reach the server");
      return;
    case Event::confirmed:
      addVersion(out, "confirmed:", facts);
      out.add(" stays on this board");
      return;
    case Event::rejected_build:
      addVersion(out, "going back from", facts);
      return addError(out, error, facts.detail);
    case Event::rolled_back:
      addVersion(out, "came back from", facts);
      return addError(out, error, facts.detail);
    case Event::enrolled:
      out.add("enrolled: this board has a token of its own now");
      return;
    case Event::enrolment_pending:
      out.add("enrolment waits for a person: npx otter device accept ").add(facts.detail);
      out.add(". Until then it goes on with the fleet token");
      return;
    case Event::enrolment_failed:
      out.add("not enrolled, it goes on with the fleet token and asks again");
      return addError(out, error, facts.detail);
    case Event::token_refused:
      out.add("the server does not take the token of this board any more");
      if (facts.detail[0] != '\0') out.add(" (").add(facts.detail).add(")");
      out.add(": back to the fleet token, then it enrols again");
      return;
    case Event::pins_changed:
      out.add("pins changed: those of configuration ").add(facts.detail);
      out.add(" hold from now on, beside those of the sketch");
      return;
    case Event::configuration_refused:
      out.add("configuration not taken, the pins stay as they are");
      return addError(out, error, facts.detail);
    case Event::failed:
      out.add("failed");
      addError(out, error, facts.detail);
      return addWait(out, " Next try in about ", facts);
  }
}

void writeErrorLine(const char* what, Error error, const char* detail, char* text, size_t capacity) {
  TextBuffer out(text, capacity);
  out.add(what);
  addError(out, error, detail);
}

}  // namespace otter
