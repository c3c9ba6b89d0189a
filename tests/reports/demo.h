// Results as a gate over many families gives them, made up from a counter-based generator: for
// looking at the page, and for tests that need something of realistic size.
#pragma once

#include <vector>

#include "result/result.h"

namespace plumb::reports {

// 24 cases on two candidates. Nearly all pass; among the rest are a wrong rotation, a missing cap,
// an infinity, an inconclusive fixture and a skipped one. One case has 28 layers.
std::vector<result::Result> demo_results();

// The same a while ago: a case less, one more, and what now fails passing.
std::vector<result::Result> demo_baseline();

}  // namespace plumb::reports
