// A summary for the page of a CI job (GitHub's and GitLab's Markdown): short when all passes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reports/baseline.h"
#include "result/result.h"

namespace plumb::reports {

// `results` must be in_order().
std::string markdown_text(const std::vector<result::Result>& results,
                          const std::optional<Comparison>& comparison);

}  // namespace plumb::reports
