// One sequence on its way through a plan: its state slots and its position.
//
// A value: a copy is a snapshot, assigning one back restores it.
#pragma once

#include <cstdint>
#include <vector>

#include "candidates/cpu/call/state.h"

namespace plumb::candidates::cpu {

class Session {
 public:
  // As a plan begins (Plan::initial_states()), the next token at `first_position`. Makes room for
  // `positions` at once.
  explicit Session(const std::vector<State>& initial_states, size_t positions = 0,
                   int64_t first_position = 0);

  // Where the next token stands.
  int64_t position() const { return position_; }
  // Positions in the state, and those it has been made to have room for.
  size_t length() const { return length_; }
  size_t room() const { return room_; }
  State& state(size_t slot) { return states_[slot]; }
  const State& state(size_t slot) const { return states_[slot]; }

  // As new, keeping the memory.
  void reset(int64_t first_position = 0);
  // What a call has appended to every slot.
  void advance(size_t rows);

 private:
  std::vector<State> states_;
  int64_t position_;
  size_t length_ = 0;
  size_t room_;
};

}  // namespace plumb::candidates::cpu
