// What a 16-bit candidate does wrong within all the limits: single roundings that are not the
// contract's ("bits", where taps were recorded), or a difference in the direction of one mistake
// ("match", at the logits alone).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compare/diagnose/diagnose.h"

namespace plumb::verdict {

using diagnose::Explanation;
using diagnose::Scene;
using evidence::Truth;

struct SmallDeparture {
  std::string gate;
  trace::Tap tap;
  std::string message;
  bool certain = true;
  std::optional<Explanation> explanation;  // where the gate finds the cause itself
};

// In one layer alone, or in all alike where a mistake gives these very numbers; where none does,
// `notes` says that the candidate rounds otherwise. `unknown_causes` are left out of the library.
std::optional<SmallDeparture> find_other_bits(Truth& truth, const std::vector<Scene>& scenes,
                                              const std::vector<std::string>& unknown_causes,
                                              std::vector<std::string>& notes);
std::optional<SmallDeparture> find_match(Truth& truth, const std::vector<Scene>& scenes,
                                         const std::vector<std::string>& unknown_causes);

}  // namespace plumb::verdict
