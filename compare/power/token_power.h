// What tokens alone could have shown, where nothing else was recorded: would a mistake have chosen
// others?
#pragma once

#include <vector>

#include "compare/power/power.h"

namespace plumb::power {

// One prompt of which the candidate gave a greedy continuation and nothing else.
struct TokenScene {
  const std::vector<int64_t>* tokens = nullptr;
  std::vector<int64_t> continuation;  // tokens of the model
  evidence::Noise noise;              // of the candidate's contract
};

// A mistake is covered where its forward puts another token clearly ahead of one that the candidate
// took, by more than the precision may cost twice.
Coverage measure_token_coverage(Truth& truth, const std::vector<TokenScene>& scenes);

}  // namespace plumb::power
