// Why a candidate departs, into its result: where that is certain.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "compare/diagnose/explanation.h"
#include "compare/verdict/judged.h"
#include "result/result.h"

namespace plumb::verdict {

using diagnose::Explanation;
using library::Fault;
using result::Result;

// `result` has a first divergence; `known`: where a gate found the cause itself. Returns what goes
// some of the way where no cause is certain.
std::vector<Fault> explain(Truth& truth, const std::deque<Judged>& judged,
                           const std::vector<Scene>& scenes,
                           const std::vector<std::string>& unknown_causes,
                           const std::optional<Explanation>& known, Result& result);

}  // namespace plumb::verdict
