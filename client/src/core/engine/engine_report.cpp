// The part of the engine that says what happened: reports to the server, which outlive a restart, and events to the
// sketch.

#include "../memory/known_bad.h"
#include "../text_buffer.h"
#include "engine.h"

namespace otter {

/** An image that the server says is not this board's, or that it did not describe, is not tried. */
void Engine::reportRefusal() {
  const bool wasStaged = journal_.stage == Stage::staged;
  lastError_ = error_;
  tell(Event::rejected, error_);
  Report refusal = {answer_.assignmentId, ReportStatus::rejected, error_, resetReason_};
  journal_.addReport(refusal);
  if (wasStaged) journal_.clearAttempt();
  save();
  link_.sendReports(space());
  perform(Action::wait_for_next_check);
}

void Engine::reportFailure() {
  lastError_ = error_;
  tell(Event::failed, error_);
  report(ReportStatus::failed, error_);
  journal_.clearAttempt();
  save();
  perform(Action::wait_for_next_check);
}

/** Final: in the journal before anything else happens, and sent if that is possible now. */
void Engine::report(ReportStatus status, Error error) {
  addReport(status, error);
  journal_.addFailures(journal_.sha256, weightOfFailure(status, error));
  save();
  if (board_.system.isNetworkUp()) link_.sendReports(space());
}

void Engine::addReport(ReportStatus status, Error error) {
  journal_.addReport({journal_.assignmentId, status, error, resetReason_});
}

/** A journal that cannot be written is told, and costs at worst a download or a report. */
void Engine::save() {
  if (journalStore_.save(journal_) != Error::ok) lastError_ = Error::nvs;
}

void Engine::tell(Event event, Error error) {
  board_.application.onEvent(event, error, factsOf(event, error));
  detail_[0] = '\0';
}

EventFacts Engine::factsOf(Event event, Error error) {
  if (error != Error::ok && detail_[0] == '\0') writeDetail(error);
  EventFacts facts = {settings_.version, journal_.sizeBytes, 0, detail_};
  switch (event) {
    case Event::connected:
    case Event::confirmed:
    case Event::rejected_build:
    case Event::enrolled:
    case Event::enrolment_pending:
    case Event::enrolment_failed:
    case Event::token_refused:
    case Event::pins_changed:
    case Event::configuration_refused:
      break;
    case Event::checked:
      facts.waitS = intervalS_;
      break;
    case Event::trial_started:
      facts.waitS = settings_.trialTimeoutS;
      break;
    case Event::offered:
    case Event::rejected:
    case Event::deferred:
      facts.version = answer_.manifest.version;
      facts.sizeBytes = answer_.manifest.sizeBytes;
      break;
    case Event::download_started:
    case Event::downloaded:
    case Event::installing:
      facts.version = journal_.version;
      break;
    case Event::rolled_back:
      facts.version = journal_.leftVersion;
      break;
    case Event::download_interrupted:
      facts.version = journal_.version;
      facts.waitS = secondsUntil(resumeAtMs_);
      break;
    case Event::failed:
      facts.waitS = secondsUntil(nextCheckMs_);
      break;
  }
  return facts;
}

/** What the error itself does not say. */
void Engine::writeDetail(Error error) {
  TextBuffer out(detail_, sizeof detail_);
  switch (error) {
    case Error::dns:
    case Error::connect:
    case Error::tls:
    case Error::pin_mismatch:
      out.add(link_.server().host).add(":").addNumber(link_.server().port);
      if (board_.connection.detail()[0] != '\0') out.add(", ").add(board_.connection.detail());
      return;
    case Error::http_status:
    case Error::auth:
    case Error::redirect_refused:
      out.add("status ").addNumber(http_.lastStatus());
      return;
    case Error::low_memory:
      out.addNumber(board_.system.freeHeapBytes()).add(" bytes are free, ");
      out.addNumber(board_.system.largestHeapBlockBytes()).add(" in one piece");
      return;
    case Error::size:
      out.addNumber(answer_.manifest.sizeBytes).add(" bytes into ").addNumber(board_.bootloader.spareSlotBytes());
      return;
    case Error::chip:
      out.add("this board is an ").add(board_.system.chip());
      if (board_.system.chipRevision() != kUnknownRevision)
        out.add(" of revision ").addNumber(board_.system.chipRevision());
      return;
    case Error::product:
      out.add("this board is a ").add(settings_.product);
      return;
    case Error::downgrade:
      out.add("this board runs ").add(settings_.version);
      return;
    default:
      return;
  }
}

uint32_t Engine::secondsUntil(uint64_t atMs) const {
  const uint64_t nowMs = board_.system.nowMs();
  return atMs > nowMs ? static_cast<uint32_t>((atMs - nowMs + 999) / 1000) : 0;
}

}  // namespace otter
