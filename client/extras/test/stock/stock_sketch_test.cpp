// A sketch without the library: Arduino marks every image that reaches `initArduino` as VALID, so that nothing ever
// goes back. Only in the program that is built without the library, which overrides this.

#include <Arduino.h>
#include <doctest/doctest.h>

#include "board/board.h"
#include "board/image/image_maker.h"

TEST_CASE("a stock sketch is kept as soon as it starts, before anybody knows whether it works") {
  board::Board board;
  board.flashByCable(board::makeImage({}));
  board.powerOn();
  board.fillSlot(1, board::makeImage({"esp32", "greenhouse", "1.1.0", "crash"}));
  REQUIRE(board.otaData().select(1));
  REQUIRE(board.powerOn(board::ResetReason::software) == 1);
  CHECK(board.slotState(1) == board::SlotState::pending_verify);

  initArduino();

  CHECK(board.slotState(1) == board::SlotState::valid);
  CHECK(board.powerOn(board::ResetReason::panic) == 1);
}
