#include "candidates/cpu/call/session.h"

namespace plumb::candidates::cpu {

Session::Session(const std::vector<State>& initial_states, size_t positions, int64_t first_position)
    : states_(initial_states), position_(first_position), room_(positions) {
  for (State& state : states_) {
    std::visit([&](auto& held) { held.reserve(positions); }, state);
  }
}

void Session::reset(int64_t first_position) {
  for (State& state : states_) {
    std::visit([](auto& held) { held.clear(); }, state);
  }
  position_ = first_position;
  length_ = 0;
}

void Session::advance(size_t rows) {
  position_ += static_cast<int64_t>(rows);
  length_ += rows;
}

}  // namespace plumb::candidates::cpu
