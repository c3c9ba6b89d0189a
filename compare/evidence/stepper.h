// The exact forward of a prompt, position by position, under choices of experts.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "reference/run.h"

namespace plumb::evidence {

// The experts of one position, by layer; a layer that is not named chooses by itself.
using Experts = std::map<int, std::vector<double>>;

class Stepper {
 public:
  // What is passed must outlive it.
  Stepper(const reference::Reference& reference, std::span<const int64_t> tokens);

  size_t position() const { return static_cast<size_t>(state_.position); }
  // The row of `tap` at the next position under each of these choices.
  std::vector<std::vector<double>> look(const trace::Tap& tap,
                                        std::span<const Experts> choices) const;
  // Goes on by as many positions, each under its choice.
  void go(std::span<const Experts> choices);

 private:
  // The next `count` positions after a state.
  reference::Sequence next(size_t count, reference::State& state) const;

  const reference::Reference& reference_;
  std::span<const int64_t> tokens_;
  reference::State state_;
};

}  // namespace plumb::evidence
