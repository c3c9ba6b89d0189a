// bisect --shrink: the smallest synthetic model and prompt on which an engine still fails.
#pragma once

#include <string>

#include "cli/common.h"
#include "cli/judging.h"

namespace plumb::cli {

// Writes the smallest config to `file` and returns the lines that repeat the failure, or a line
// that says why there are none. Throws InputError where the candidate cannot be run again.
std::string shrink_failure(const CommonOptions& common, const JudgeOptions& judge,
                           const std::string& file);

}  // namespace plumb::cli
