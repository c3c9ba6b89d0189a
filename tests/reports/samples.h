// Results written by hand, one for every way in which a result can be unusual.
#pragma once

#include <vector>

#include "result/result.h"

namespace plumb::reports {

// Every section filled, nothing amiss.
result::Result passed_result();
// A wrong rotation in bf16: reasons at three gates, a first divergence, a diagnosis.
result::Result failed_result();
// A NaN in the candidate: no number known from there on.
result::Result nan_result();
// An infinity, an exact zero and no diagnosis.
result::Result infinite_result();
result::Result inconclusive_result();
result::Result skipped_result();
// Every text holds what means something to XML, Markdown, a terminal or to UTF-8.
result::Result hostile_result();

// Two candidates on one case, and another family: all passed.
std::vector<result::Result> all_passed();
// All of the above, in no order.
std::vector<result::Result> mixed();

}  // namespace plumb::reports
