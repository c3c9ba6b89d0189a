// What a bisection found, told in order: the cause, the place, the ledger of errors, the line that
// repeats it.
#pragma once

#include <string>

#include "result/result.h"

namespace plumb::reports {

// `command` is the line that reproduces the finding. Plain ASCII but for names; ends with a
// newline.
std::string story_text(const result::Result& result, const std::string& command);

}  // namespace plumb::reports
