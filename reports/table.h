// The table for a terminal: one row a case and candidate, why a row did not pass, and the counts.
#pragma once

#include <string>
#include <vector>

#include "result/result.h"

namespace plumb::reports {

// Results in any order. Plain ASCII but for names; ends with a newline.
std::string table_text(const std::vector<result::Result>& results);

}  // namespace plumb::reports
