// Values that float16 cannot hold: where the truth itself goes beyond its largest number.
#pragma once

#include <optional>

#include "compare/result.h"
#include "compare/truth.h"

namespace plumb::compare {

// The first place of a forward of these tokens at which float16 overflows; none where nothing does.
std::optional<Diagnosis> find_overflow(Truth& truth, const std::vector<int64_t>& tokens);

}  // namespace plumb::compare
