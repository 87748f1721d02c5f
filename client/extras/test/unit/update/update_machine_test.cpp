// The table of an update: no pair twice, every state reachable and left, every outcome and action in use.

#include "core/update/update_machine.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace otter;

namespace {

std::vector<Transition> table() {
  size_t count = 0;
  const Transition* rows = transitions(count);
  return {rows, rows + count};
}

/** All values of an enum whose names are known, from 0 on. */
template <typename Enum>
std::vector<Enum> all() {
  std::vector<Enum> values;
  for (int value = 0; std::string(nameOf(static_cast<Enum>(value))) != "unknown"; ++value)
    values.push_back(static_cast<Enum>(value));
  return values;
}

std::set<State> reachableFrom(std::set<State> reached) {
  for (size_t before = 0; before != reached.size();) {
    before = reached.size();
    for (const Transition& row : table())
      if (reached.count(row.from) > 0) reached.insert(row.to);
  }
  return reached;
}

}  // namespace

TEST_CASE("no pair of state and outcome is there twice") {
  std::set<std::pair<State, Outcome>> pairs;
  for (const Transition& row : table()) {
    CAPTURE(nameOf(row.from));
    CAPTURE(nameOf(row.outcome));
    CHECK(pairs.insert({row.from, row.outcome}).second);
  }
}

TEST_CASE("a pair is found as its row says, and any other is none") {
  size_t found = 0;
  for (const State state : all<State>()) {
    for (const Outcome outcome : all<Outcome>()) {
      const Transition* row = findTransition(state, outcome);
      if (row == nullptr) continue;
      CHECK(row->from == state);
      CHECK(row->outcome == outcome);
      ++found;
    }
  }
  CHECK(found == table().size());
}

TEST_CASE("every state can be reached from a start: idle, an image that waits, a build on trial") {
  const std::vector<State> states = all<State>();
  CHECK(states.size() == 10);
  CHECK(reachableFrom({State::idle, State::staged, State::trial}) == std::set<State>(states.begin(), states.end()));
}

TEST_CASE("every state leads back to idle: none is a trap") {
  for (const State state : all<State>()) {
    CAPTURE(nameOf(state));
    CHECK(reachableFrom({state}).count(State::idle) == 1);
  }
}

TEST_CASE("a board on trial neither downloads nor installs before it is confirmed") {
  // The rows that end a trial lead to idle or to a restart; what a restart that cannot be leads to is a kept build.
  std::set<State> onTrial = {State::trial, State::trial_checking, State::trial_health};
  for (const Transition& row : table()) {
    if (onTrial.count(row.from) == 0) continue;
    CAPTURE(nameOf(row.outcome));
    const bool ends = row.action == Action::confirm || row.action == Action::give_up;
    CHECK((onTrial.count(row.to) == 1) != ends);
    if (row.action == Action::confirm) CHECK(row.to == State::idle);
    if (row.action == Action::give_up) CHECK(row.to == State::restarting);
  }
}

TEST_CASE("an image is installed only from staged, where it is verified") {
  for (const Transition& row : table()) {
    if (row.to == State::installing) CHECK(row.from == State::staged);
    if (row.to == State::staged && row.from == State::downloading) CHECK(row.outcome == Outcome::complete);
  }
}

TEST_CASE("the board restarts exactly where the table says that it is restarting") {
  for (const Transition& row : table()) {
    CAPTURE(nameOf(row.from));
    CHECK((row.to == State::restarting) == (row.action == Action::restart || row.action == Action::give_up));
    if (row.outcome == Outcome::activated) CHECK(row.to == State::restarting);
  }
}

TEST_CASE("every action and every outcome but none is in use") {
  std::set<Action> actions;
  std::set<Outcome> outcomes = {Outcome::none};
  for (const Transition& row : table()) {
    actions.insert(row.action);
    outcomes.insert(row.outcome);
  }
  CHECK(actions.size() == all<Action>().size());
  CHECK(outcomes.size() == all<Outcome>().size());
  for (const State state : all<State>()) CHECK(findTransition(state, Outcome::none) == nullptr);
}

TEST_CASE("names are all different") {
  std::set<std::string> names;
  for (const State state : all<State>()) CHECK(names.insert(nameOf(state)).second);
  names.clear();
  for (const Outcome outcome : all<Outcome>()) CHECK(names.insert(nameOf(outcome)).second);
  names.clear();
  for (const Action action : all<Action>()) CHECK(names.insert(nameOf(action)).second);
}
