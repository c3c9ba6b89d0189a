// Results written by hand, one for every way in which a result can be unusual.
#pragma once

#include <vector>

#include "compare/result.h"

namespace plumb::reports {

// Every section filled, nothing amiss.
compare::Result passed_result();
// A wrong rotation in bf16: reasons at three gates, a first divergence, a diagnosis.
compare::Result failed_result();
// A NaN in the candidate: no number known from there on.
compare::Result nan_result();
// An infinity, an exact zero and no diagnosis.
compare::Result infinite_result();
compare::Result inconclusive_result();
compare::Result skipped_result();
// Every text holds what means something to XML, Markdown, a terminal or to UTF-8.
compare::Result hostile_result();

// Two candidates on one case, and another family: all passed.
std::vector<compare::Result> all_passed();
// All of the above, in no order.
std::vector<compare::Result> mixed();

}  // namespace plumb::reports
