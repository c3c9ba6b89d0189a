// What a pass is worth: which mistakes would have shown in what was recorded.
#pragma once

#include <string>
#include <vector>

#include "compare/result.h"
#include "compare/trial.h"

namespace plumb::compare {

struct Coverage {
  Power power;
  std::vector<std::string> unseen;  // structural mistakes, as a person says them
};

// A mistake is covered where it would exceed a gate when made in every layer that can have it, or
// in any one; where a single layer would hide it, the mistake is named in `blind_to`. One that only
// longer prompts could show (a window, a scaling of positions) does not apply to shorter ones.
Coverage measure_coverage(Truth& truth, const std::vector<Scene>& scenes);

}  // namespace plumb::compare
