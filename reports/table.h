// The table for a terminal: one row a case and candidate, why a row did not pass, and the counts.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "result/result.h"

namespace plumb::reports {

// The command that repeats a result.
using RepeatLine = std::function<std::string(const result::Result&)>;

// Results in any order. Plain ASCII but for names; ends with a newline.
std::string table_text(const std::vector<result::Result>& results, const RepeatLine& repeat = {});

}  // namespace plumb::reports
