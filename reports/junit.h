// JUnit XML, the form in which CI systems take test results: a suite a family, a test a case and
// candidate. INCONCLUSIVE is a failure of its own type, SKIPPED is skipped.
//
// No times and no dates: the same results give the same bytes.
#pragma once

#include <string>
#include <vector>

#include "result/result.h"

namespace plumb::reports {

// `results` must be in_order().
std::string junit_text(const std::vector<result::Result>& results);

}  // namespace plumb::reports
