// One page that holds everything: no network, no fonts and no scripts from elsewhere, light and
// dark, readable on a phone and without JavaScript. It is well-formed XML besides.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reports/baseline.h"
#include "result/result.h"

namespace plumb::reports {

// `results` must be in_order().
std::string html_text(const std::vector<result::Result>& results,
                      const std::optional<Comparison>& comparison);

}  // namespace plumb::reports
