// What a verdict is worth: which mistakes what was recorded could have shown.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "compare/verdict/findings.h"
#include "compare/verdict/judged.h"

namespace plumb::verdict {

// Fills in the result's power; a structural mistake that could not have been seen blocks a pass.
// The causes of `impossible` are left out.
void weigh(Truth& truth, const std::deque<Judged>& judged,
           const std::vector<std::string>& impossible, Findings& findings, Result& result);

// A continuation, and nothing of the forward that made it.
bool has_tokens_alone(const Truth& truth, const Judged& judged);

}  // namespace plumb::verdict
